"""A model's state dict keeps its names and their order, whatever its adapter calls its own parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from vla_compose.check.graph import Graph
from vla_compose.hosts.changes import Changes
from vla_compose.spec.layouts import Layout
from vla_compose.spec.model import Spec
from vla_compose.weights.naming import mapping

LAYOUT = "transformers-5"
"""The layout whose names are those of modules in memory."""
MODEL = "model."
"""What these names start with: the model below the head."""


def in_model(graph: Graph, seat: str, original: Spec) -> dict[str, str]:
    """The name in a model of every parameter of an adapter, below the head.

    A spec with the layout of the original takes over its names; any other keeps its own, at the seat.
    """
    layout = graph.spec.layouts.get(LAYOUT)
    if layout is None or layout.prefix != home(original).prefix:
        return {ours: f"{seat}.{ours}" for ours, _ in graph.entries()}
    return {ours: theirs.removeprefix(MODEL) for ours, theirs in mapping(graph, layout).items()}


def home(original: Spec) -> Layout:
    """The layout of names in memory of a shipped spec."""
    return original.layouts[LAYOUT]


@dataclass
class Outgoing:
    """Names for a state dict that was just made. A state-dict hook of the module that holds the seat."""

    names: Mapping[str, str]
    order: Sequence[str]

    def __call__(self, module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        """Rename entries of the adapter, and list all as the model did."""
        mine = {name[len(prefix) :]: state.pop(name) for name in list(state) if name.startswith(prefix)}
        renamed = {self.names.get(name, name): value for name, value in mine.items()}
        for name in (*self.order, *renamed):
            if name in renamed and prefix + name not in state:
                state[prefix + name] = renamed[name]


@dataclass
class Incoming:
    """Names for a state dict that is being loaded. A hook of the same module."""

    names: Mapping[str, str]

    def __call__(self, module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        """Give entries of the adapter its own names."""
        for ours, theirs in self.names.items():
            if prefix + theirs in state and ours != theirs:
                state[prefix + ours] = state.pop(prefix + theirs)


def keep_names(
    model: nn.Module, seat: str, names: Mapping[str, str], order: Sequence[str], changes: Changes
) -> None:
    """Let the state dict of a model have the names that it had.

    The hooks are on the module that holds the seat, so that the adapter alone keeps its own names.

    Args:
        model: with the adapter in it.
        seat: its path.
        names: name in the model of each of its parameters, as from `in_model`.
        order: the names that the model had, in order.
        changes: where the hooks are noted.
    """
    parent, _, last = seat.rpartition(".")
    start = f"{parent}." if parent else ""
    below = {f"{last}.{ours}": theirs.removeprefix(start) for ours, theirs in names.items()}
    if all(ours == theirs for ours, theirs in below.items()):
        return
    listed = [name.removeprefix(start) for name in order if name.startswith(start)]
    holder: Any = model.get_submodule(parent)
    changes.hook(holder.register_state_dict_post_hook(Outgoing(below, listed)))
    changes.hook(holder.register_load_state_dict_pre_hook(Incoming(below)))
