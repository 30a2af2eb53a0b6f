"""Where LoRA goes in an adapter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vla_compose.check.graph import Graph
from vla_compose.spec.model import Spec
from vla_compose.training.layers import weights

if TYPE_CHECKING:
    from torch import nn

    from vla_compose.api import Source


def lora_targets(adapter: nn.Module | Graph | Source, *, prefix: str = "") -> list[str]:
    """The paths of an adapter's linear maps, convolutions and attentions, for `target_modules` of peft.

    A spec or a graph is read without torch. A `torch.nn.MultiheadAttention` is named as a whole, because it
    reads the weight of `out_proj` past that layer. peft merges LoRA into its four maps and out again in every
    forward, so that their frozen weights move by rounding: keep them in float32. peft refuses one whose keys
    are of another width than its queries (huggingface/peft#761); a spec cannot make such a one. The weight of
    a `matmul` step is a bare parameter and no target: `requires_grad_(True)` trains it in full.

    Args:
        adapter: a built module, a graph from `compose`, or a spec as `build` takes it, at its own dims.
        prefix: the path of the adapter inside the model, such as `model.visual.merger`. Without it, peft
            would also find layers of the same name elsewhere in the model.

    Returns:
        Full paths, each once, in the order of the steps.

    Raises:
        SpecError: the spec has mistakes.
        ModuleError: the module was not made by vla_compose, or is wrapped already.
    """
    start = f"{prefix.rstrip('.')}." if prefix.rstrip(".") else ""
    return list(dict.fromkeys(start + weight.module for weight in weights(_graph(adapter)) if weight.module))


def _graph(adapter: nn.Module | Graph | Source) -> Graph:
    if isinstance(adapter, Graph):
        return adapter
    if isinstance(adapter, str | os.PathLike | Spec):
        from vla_compose.api import compose

        return compose(adapter)
    from vla_compose.built import built

    return built(adapter)
