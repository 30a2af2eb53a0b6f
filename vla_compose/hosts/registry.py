"""Families of models of transformers that an adapter can be put into. The only list of them."""

from __future__ import annotations

from torch import nn

from vla_compose.hosts.base import Host
from vla_compose.hosts.ernie4_5_vl_moe import Ernie45VLMoe
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.glm4v import Glm4v
from vla_compose.hosts.granite_docling import GraniteDocling
from vla_compose.hosts.hunyuan_vl import HunYuanVL
from vla_compose.hosts.idefics2 import Idefics2
from vla_compose.hosts.idefics3 import Idefics3
from vla_compose.hosts.internvl import InternVL
from vla_compose.hosts.llava import Llava
from vla_compose.hosts.llava_next import LlavaNext
from vla_compose.hosts.qwen2_5_vl import Qwen25VL
from vla_compose.hosts.qwen2_vl import Qwen2VL
from vla_compose.hosts.qwen3_vl import Qwen3VL

HOSTS: tuple[Host, ...] = (
    Ernie45VLMoe(),
    Glm4v(),
    GraniteDocling(),
    HunYuanVL(),
    Idefics2(),
    Idefics3(),
    InternVL(),
    Llava(),
    LlavaNext(),
    Qwen2VL(),
    Qwen25VL(),
    Qwen3VL(),
)


def find_host(model: nn.Module) -> tuple[Host, str, nn.Module]:
    """The family of a model, and the path of the part of it that holds the adapter.

    Args:
        model: a model of transformers with or without its head, or anything that holds one, such as a model
            that peft wrapped.

    Raises:
        AttachError: it holds no model of a family in `HOSTS`.
    """
    for path, part in model.named_modules():
        names = {base.__name__ for base in type(part).__mro__ if base.__module__.startswith("transformers.")}
        for host in HOSTS:
            if not names.isdisjoint(host.models):
                return host, path, part
    raise AttachError(
        f"`{type(model).__name__}` is no model that an adapter can be put into; it must be, or hold, one of: "
        f"{', '.join(known())}"
    )


def known() -> list[str]:
    """The classes of transformers that an adapter can be put into, sorted."""
    return sorted(name for host in HOSTS for name in host.models)
