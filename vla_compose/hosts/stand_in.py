"""Modules that stand where a model has others, for one call of its own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from vla_compose.hosts.changes import Changes


class First(nn.Module):
    """Gives back the first of its arguments."""

    def forward(self, x: Any, *_: Any, **__: Any) -> Any:
        """The first argument."""
        return x


class Features(nn.Module):
    """A vision tower whose output is known: at the end, and at every layer."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features

    def forward(self, *_: Any, **__: Any) -> Any:
        """The output of a tower, whatever it is given."""
        return SimpleNamespace(last_hidden_state=self.features, hidden_states=_Layers(self.features))


class _Layers:
    """As many layers as anybody asks for, all the same."""

    def __init__(self, features: Tensor) -> None:
        self.features = features

    def __getitem__(self, layer: int) -> Tensor:
        return self.features


@contextmanager
def standing(model: nn.Module, modules: dict[str, nn.Module]) -> Iterator[None]:
    """Put modules in their paths, and the old ones back at the end."""
    changes = Changes()
    try:
        for path, module in modules.items():
            changes.swap(model, path, module)
        yield
    finally:
        changes.undo()
