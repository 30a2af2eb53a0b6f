"""The adapter in an open checkpoint: its layout, its dims, its module, its weights, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import nn

from vla_compose.check.infer import infer
from vla_compose.compiled import compiled
from vla_compose.spec.model import Spec
from vla_compose.weights.checkpoint import Checkpoint
from vla_compose.weights.dims import solved_dims
from vla_compose.weights.loading import Progress, load_into
from vla_compose.weights.naming import PLAIN, layout_named, mapping, recognise


def adapter_in(
    checkpoint: Checkpoint,
    spec: Spec,
    *,
    variant: str | None = None,
    layout: str | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    dims: Mapping[str, int] = MappingProxyType({}),
    progress: Progress | None = None,
) -> nn.Module:
    """Build the adapter of a spec with the weights of a checkpoint; see `from_checkpoint`.

    Raises:
        CheckpointError: the checkpoint does not hold this adapter, or cannot be read.
        SpecError: the spec has mistakes with the dims of the checkpoint.
        BuildError: there is no such variant, dim or device.
    """
    found = recognise(spec, checkpoint.tensors) if layout is None else layout_named(spec, layout)
    shapes = {name: stored.shape for name, stored in checkpoint.tensors.items()}
    solved = solved_dims(spec, found, shapes, checkpoint.config, variant, dims)
    graph = infer(spec, {name: dim.value for name, dim in solved.items()})
    with torch.device("meta"):
        module = compiled(graph)()
    load_into(
        module,
        checkpoint,
        mapping(graph, found),
        layout=found.name,
        prefix=None if found.name == PLAIN.name else found.prefix,
        dims=graph.values,
        origins={name: dim.origin for name, dim in solved.items()},
        device=device,
        dtype=dtype,
        progress=progress,
    )
    return module
