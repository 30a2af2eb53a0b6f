"""Parameter groups for an optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vla_compose.built import ModuleError, built
from vla_compose.training.layers import weights

if TYPE_CHECKING:
    from torch import nn


def parameter_groups(adapter: nn.Module, *, lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Groups for a torch optimizer: what multiplies decays; norms, biases and learned vectors do not.

    The role of a parameter comes from the spec's steps, not from its name. Weights of linear maps,
    convolutions, attention and `matmul` decay. Norms, biases, `tokens`, `queries` and positions do not.

    Args:
        adapter: a built module.
        lr: learning rate of both groups.
        weight_decay: of the first group; the other has 0.

    Returns:
        One or two groups. Every parameter that requires a gradient is in exactly one of them.

    Raises:
        ModuleError: the module was not made by vla_compose, is no longer what its spec says, or none of its
            parameters requires a gradient.
    """
    matrices = {weight.name for weight in weights(built(adapter)) if weight.matrix}
    decay: dict[int, nn.Parameter] = {}
    keep: dict[int, nn.Parameter] = {}
    for name, parameter in adapter.named_parameters(remove_duplicate=False):
        if parameter.requires_grad:
            (decay if name in matrices else keep)[id(parameter)] = parameter
    rest = [parameter for key, parameter in keep.items() if key not in decay]
    groups = [
        {"params": list(decay.values()), "lr": lr, "weight_decay": weight_decay},
        {"params": rest, "lr": lr, "weight_decay": 0.0},
    ]
    found = [group for group in groups if group["params"]]
    if not found:
        raise ModuleError(
            "no parameter of this adapter requires a gradient: call first "
            "`vla_compose.freeze_except(model, adapter)`, or `adapter.requires_grad_(True)`"
        )
    return found
