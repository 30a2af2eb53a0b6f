"""Training one part of a model and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vla_compose.built import ModuleError, built
from vla_compose.training.layers import weights
from vla_compose.training.summary import Trainable, trainable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from torch import nn


@dataclass(frozen=True, slots=True, eq=False)
class Freezing:
    """What `freeze_except` did; `print` shows what trains, `undo` takes it back.

    Attributes:
        report: what trains.
        shared: names of the adapter's parameters that the rest of the model uses too, with the other name.
        kept: the adapter's parameters that stay frozen: fixed tables, and what `forward` never reads.
    """

    report: Trainable
    shared: tuple[tuple[str, str], ...]
    kept: tuple[str, ...]
    before: tuple[tuple[nn.Parameter, bool], ...]

    def __str__(self) -> str:
        return str(self.report)

    def __repr__(self) -> str:
        return f"Freezing({self.report.trained:,} of {self.report.total:,} parameters train)"

    def __rich__(self) -> RenderableType:
        return self.report.__rich__()

    def undo(self) -> None:
        """Give every parameter the `requires_grad` back that it had."""
        for parameter, flag in self.before:
            parameter.requires_grad_(flag)


def freeze_except(model: nn.Module, adapter: nn.Module) -> Freezing:
    """Make an adapter the only part of a model that trains.

    Sets `requires_grad` of every parameter, and touches nothing else: no buffer, no mode, no optimizer. In a
    module that vla_compose built, two kinds of parameters stay frozen: tables that the original does not
    train (the positions of Qwen-VL), and those of `unused`, which get no gradient. A parameter that the
    adapter shares with the rest of the model trains, and the report says so.

    Args:
        model: any module that holds the adapter.
        adapter: the part to train; the very object that is in the model.

    Returns:
        What was done: `print` it to see what trains, call its `undo()` to go back.

    Raises:
        ModuleError: the adapter is not inside the model, has no parameter to train, was changed since it was
            built, or has parameters that cannot get a gradient; nothing was changed then.
    """
    path = next((path for path, part in model.named_modules() if part is adapter), None)
    if path is None:
        raise ModuleError(
            f"this `{type(adapter).__name__}` is no part of the `{type(model).__name__}`: pass the object "
            "that is in the model, such as `model.visual.merger`"
        )
    kept = _kept(adapter)
    mine = {id(p): n for n, p in adapter.named_parameters(remove_duplicate=False) if n not in kept}
    inside = {id(parameter) for parameter in adapter.parameters()}
    names = list(model.named_parameters(remove_duplicate=False))
    if not mine:
        raise ModuleError(f"this `{type(adapter).__name__}` has no parameter to train")
    for name, parameter in adapter.named_parameters():
        if id(parameter) in mine and not (parameter.is_floating_point() or parameter.is_complex()):
            kind = str(parameter.dtype).removeprefix("torch.")
            raise ModuleError(
                f"`{name}` holds {kind}, which gets no gradient: train a LoRA on it (see `lora_targets`), "
                "or load the adapter without quantisation"
            )
    start = f"{path}." if path else ""
    shared = tuple(
        (start + mine[id(parameter)], name)
        for name, parameter in names
        if id(parameter) in mine and not name.startswith(start)
    )
    before = tuple((parameter, parameter.requires_grad) for parameter in model.parameters())
    for parameter, _ in before:
        if id(parameter) not in inside:
            parameter.requires_grad_(False)
    for parameter in adapter.parameters():
        parameter.requires_grad_(id(parameter) in mine)
    notes = [f"`{one}` trains, and is also `{other}`" for one, other in shared]
    notes += [f"`{start}{name}` stays as it is: {why}" for name, why in kept.items()]
    report = replace(trainable(model), notes=tuple(notes))
    return Freezing(report, shared, tuple(start + name for name in kept), before)


def _kept(adapter: nn.Module) -> dict[str, str]:
    """The parameters of a built module that training leaves alone, each with the reason."""
    import torch

    from vla_compose.compiled import compiled, graph_of

    if graph_of(adapter) is None:
        return {}
    graph = built(adapter)
    with torch.device("meta"):
        fresh = compiled(graph)()
    fixed = {name for name, parameter in fresh.named_parameters() if not parameter.requires_grad}
    unread = {weight.name for weight in weights(graph) if not weight.read}
    return {
        name: "a fixed table" if name in fixed else "`forward` never reads it"
        for name, _ in adapter.named_parameters()
        if name in fixed | unread
    }
