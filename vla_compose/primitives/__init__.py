"""The closed vocabulary: every primitive is one file here, and this registry is the only list of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vla_compose.primitives.activation import Activation
from vla_compose.primitives.anyres_pack import AnyresPack
from vla_compose.primitives.attention import Attention
from vla_compose.primitives.base import Primitive
from vla_compose.primitives.conv2d import Conv2d
from vla_compose.primitives.drop import Drop
from vla_compose.primitives.flatten import Flatten
from vla_compose.primitives.gated_mlp import GatedMlp
from vla_compose.primitives.linear import Linear
from vla_compose.primitives.matmul import Matmul
from vla_compose.primitives.mlp import Mlp
from vla_compose.primitives.multihead_attention import MultiheadAttention
from vla_compose.primitives.norm import Norm
from vla_compose.primitives.positions import Positions
from vla_compose.primitives.queries import Queries
from vla_compose.primitives.repeat import Repeat
from vla_compose.primitives.residual import Residual
from vla_compose.primitives.spatial_merge import SpatialMerge
from vla_compose.primitives.temporal_merge import TemporalMerge
from vla_compose.primitives.to_map import ToMap
from vla_compose.primitives.to_tokens import ToTokens
from vla_compose.primitives.tokens import Tokens
from vla_compose.primitives.unwindow import Unwindow

REGISTRY: Mapping[str, type[Primitive]] = MappingProxyType(
    {
        primitive.kind: primitive
        for primitive in (
            Activation,
            Conv2d,
            TemporalMerge,
            Repeat,
            Queries,
            Positions,
            MultiheadAttention,
            GatedMlp,
            Flatten,
            Drop,
            Attention,
            AnyresPack,
            Linear,
            Matmul,
            Mlp,
            Norm,
            Residual,
            SpatialMerge,
            ToMap,
            ToTokens,
            Tokens,
            Unwindow,
        )
    }
)
