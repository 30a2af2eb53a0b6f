"""Putting an adapter into a real model, and taking it out again."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from vla_compose.built import built
from vla_compose.check.graph import Graph
from vla_compose.compiled import graph_of
from vla_compose.hosts.base import Host
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.fit import check_fit, check_tensors, check_values, own_graph
from vla_compose.hosts.naming import in_model, keep_names
from vla_compose.hosts.registry import find_host


@dataclass(frozen=True, slots=True)
class Replaced:
    """What stands at a path now, and what stood there.

    Attributes:
        path: in the model that was given to `attach`.
        before: the class of the module that stood there; `Parameter` for a parameter, empty for nothing.
        after: the class that stands there now; empty for nothing.
        parameters_before: how many numbers were below that path.
        parameters_after: how many there are now.
    """

    path: str
    before: str
    after: str
    parameters_before: int
    parameters_after: int


class Attachment:
    """An adapter in a model. Print it to see what it replaced; as a context manager it goes out at the end.

    Attributes:
        adapter: the module that was put in.
        path: where it is in the model.
        seam: where the model was cut, and why there.
        replaced: what changed, path by path.
    """

    def __init__(
        self,
        model: nn.Module,
        adapter: nn.Module,
        path: str,
        host: Host,
        changes: Changes,
        rows: list[Replaced],
    ) -> None:
        self.adapter = adapter
        self.path = path
        self.seam = host.seam
        self.replaced = tuple(rows)
        self._model = type(model).__name__
        self._changes = changes

    def undo(self) -> None:
        """Put back the very modules that stood there, as they were. A second call does nothing.

        They do not follow what the model went through meanwhile: after `to(...)` or `train()` with the
        adapter in it, call that again.

        Raises:
            AttachError: the model was changed at the same place since.
        """
        self._changes.undo()

    def __enter__(self) -> Attachment:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        graph = graph_of(self.adapter)
        assert graph is not None
        rows = [
            (row.path, row.before or "nothing", "->", row.after or "nothing", f"{row.parameters_before:,}",
             "->", f"{row.parameters_after:,} parameters")
            for row in self.replaced
        ]  # fmt: skip
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()
            for row in rows
        ]
        head = f"{graph.spec.name} is in this {self._model}, at {self.path}"
        return "\n  ".join([head, *lines, f"cut at {self.seam}"])


def attach(model: nn.Module, adapter: nn.Module) -> Attachment:
    """Put a built adapter into a model of transformers, in the place of its own.

    The adapter is then a part of the model: it moves, trains, saves and is copied with it. Names and order of
    the model's state dict stay as they were, as far as the adapter's spec has the layout of the model's own
    (`layouts: transformers-5`); parameters of another spec have the names of that spec. No weight is
    changed: see `copy_weights`.

    Args:
        model: a model with a head (`...ForConditionalGeneration`), without one, or a module that holds one.
        adapter: what `build`, `from_checkpoint` or `from_pretrained` returned. Its inputs and outputs must be
            those of the model's own adapter; what happens between them is yours.

    Returns:
        What was replaced, with an `undo`. A deep copy of the model holds a copy of the adapter, for good.

    Raises:
        AttachError: the model is of no known family, holds an adapter of ours already, is used in a way that
            the spec does not describe, or the adapter is of other sizes, type or device.
        ModuleError: the adapter was not made by vla_compose, or was changed since.
    """
    host, start, inner = find_host(model)
    graph = built(adapter)
    own = _checked(host, inner, graph)
    check_tensors(adapter, _own_parameters(host, inner))
    names, order = in_model(graph, host.seat, own.spec), list(inner.state_dict(keep_vars=True))
    changes = Changes()
    paths = list(dict.fromkeys((host.seat, *host.members)))
    before = {path: _at(inner, path) for path in paths}
    sizes = {path: _size(value) for path, value in before.items()}
    try:
        host.place(inner, adapter, changes)
        keep_names(inner, host.seat, names, order, changes)
    except BaseException:
        changes.undo()
        raise
    adapter.train(inner.training)
    after = {path: _at(inner, path) for path in paths}
    rows = [
        Replaced(
            _joined(start, path), _named(before[path]), _named(after[path]), sizes[path], _size(after[path])
        )
        for path in paths
    ]
    return Attachment(model, adapter, _joined(start, host.seat), host, changes, rows)


def copy_weights(model: nn.Module, adapter: nn.Module) -> None:
    """Give an adapter the weights of a model's own, which it stands for or is about to.

    Args:
        model: as for `attach`, before it.
        adapter: built from a spec with the layout of the model's own, at its dims; converts to its type and
            device.

    Raises:
        AttachError: the model is of no known family, the two have other parameters, or one of them holds no
            weights that can be copied: on the meta device, or quantised.
        ModuleError: the adapter was not made by vla_compose, or was changed since.
    """
    host, _, inner = find_host(model)
    graph = built(adapter)
    own = _checked(host, inner, graph)
    state = inner.state_dict()
    names = in_model(graph, host.seat, own.spec)
    wrong = [
        f"`{ours}` {list(shape)}, and the model has "
        + (f"{list(state[names[ours]].shape)}" if names[ours] in state else f"no `{names[ours]}`")
        for ours, shape in graph.entries()
        if names[ours] not in state or tuple(state[names[ours]].shape) != shape
    ]
    left = set(in_model(own, host.seat, own.spec).values()) - set(names.values())
    wrong += [f"the adapter has no `{name}`" for name in sorted(left)]
    if wrong:
        fix = f'use `build("{own.spec.name}")` with the sizes of the model, or start without its weights'
        raise AttachError(
            "\n  ".join(["the adapter has other parameters than the model's own", *wrong[:8], fix])
        )
    check_values((state[theirs] for theirs in names.values()), "model's own adapter")
    check_values(adapter.state_dict().values(), "adapter")
    with torch.no_grad():
        adapter.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})


def _checked(host: Host, model: Any, graph: Graph) -> Graph:
    """The graph of the model's own adapter, which another one can stand for."""
    name = type(model).__name__
    inside = next((path for path, part in model.named_modules() if graph_of(part) is not None), None)
    if inside is not None:
        raise AttachError(
            f"`{name}` holds an adapter of ours already, at `{inside}`: "
            "call `undo()` of what `attach` returned"
        )
    own = own_graph(host, model)
    check_fit(graph, own, name)
    reason = host.objection(model, graph)
    if reason is not None:
        raise AttachError(
            f"`{name}` cannot take `{graph.spec.name}`: {reason}; use a model that does as the spec"
        )
    return own


def _own_parameters(host: Host, model: nn.Module) -> list[Tensor]:
    found = [_at(model, path) for path in host.members]
    return [
        value
        for part in found
        for value in (part.parameters() if isinstance(part, nn.Module) else [part])
        if isinstance(value, Tensor)
    ]


def _at(model: nn.Module, path: str) -> nn.Module | Tensor | None:
    parent, _, name = path.rpartition(".")
    found: nn.Module | Tensor | None = getattr(model.get_submodule(parent), name, None)
    return found


def _size(value: nn.Module | Tensor | None) -> int:
    if isinstance(value, nn.Module):
        return sum(parameter.numel() for parameter in value.parameters())
    return 0 if value is None else value.numel()


def _named(value: object) -> str:
    return "" if value is None else type(value).__name__


def _joined(start: str, path: str) -> str:
    return f"{start}.{path}" if start else path
