"""What a family of models says of itself, so that an adapter can be put into it and compared with its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import nn

from vla_compose.check.graph import Graph
from vla_compose.hosts.changes import Changes

Inputs = dict[str, Any]
Dims = Mapping[str, int]


class Host(ABC):
    """A family of models of transformers.

    Attributes:
        spec: the shipped spec that describes the adapter of these models.
        models: classes of transformers that hold tower, adapter and language model, without a head.
        seat: the path below such a model where an adapter is put.
        members: the paths of all that the adapter stands for.
        seam: where the model is cut, and why there, in one line.
    """

    spec: ClassVar[str]
    models: ClassVar[tuple[str, ...]]
    seat: ClassVar[str]
    members: ClassVar[tuple[str, ...]]
    seam: ClassVar[str]

    @abstractmethod
    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        """Put an adapter that fits into the model."""

    @abstractmethod
    def call(self, model: Any, inputs: Inputs) -> Any:
        """What the model's own adapter, called by the model's own code, makes of the inputs of the spec."""

    @abstractmethod
    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        """Geometries to compare on, drawn from torch's global generator."""

    def objection(self, model: Any, graph: Graph) -> str | None:
        """Why this model uses its adapter in a way that no adapter of the spec's form can take over."""
        return None
