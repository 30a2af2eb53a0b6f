"""What of a model trains, as a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vla_compose.report.table import Section, render, styled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from torch import nn

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)|^\d+(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model that trains as a whole. Parts that differ in numbers of their path count together."""

    path: str
    kind: str
    dtype: str
    count: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Trainable:
    """What trains and what does not; `print` shows it as a table, rich with boxes and colour.

    Attributes:
        parts: the largest parts that train as a whole, in the order of the model.
        trained: how many numbers require a gradient; one that several parts share counts once.
        total: how many numbers there are.
        notes: what a reader should know besides.
    """

    parts: tuple[Part, ...]
    trained: int
    total: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return render(self._sections()).rstrip("\n")

    def __rich__(self) -> RenderableType:
        return styled(self._sections())

    def _sections(self) -> list[Section]:
        header = ("part", "class", "copies", "dtype", "parameters")
        rows = [
            (part.path, part.kind, str(part.count), part.dtype, f"{part.parameters:,}") for part in self.parts
        ]
        share = f" ({self.trained / self.total:.2%})" if self.total else ""
        sums = [
            ("trains", f"{self.trained:,} of {self.total:,} parameters{share}"),
            ("frozen", f"{self.total - self.trained:,}"),
        ]
        found = [Section("what trains", rows, header, frozenset({2, 4}))] if rows else []
        found.append(Section("total", sums))
        return [*found, Section("notes", [(note,) for note in self.notes])] if self.notes else found


def trainable(model: nn.Module) -> Trainable:
    """What of a model requires a gradient, as a table to print.

    Args:
        model: any module: a built one, a whole model that holds one, a model that peft wrapped.

    Returns:
        The report; `print(trainable(model))` shows it.
    """
    own = {id(parameter): parameter for parameter in model.parameters()}
    numbers = {key: parameter.numel() for key, parameter in own.items()}
    trained = sum(numbers[key] for key, parameter in own.items() if parameter.requires_grad)
    return Trainable(tuple(_collapsed(_parts(model, "", set()))), trained, sum(numbers.values()))


def _parts(module: nn.Module, path: str, seen: set[int]) -> Iterator[Part]:
    inside = list(module.parameters())
    if not any(parameter.requires_grad for parameter in inside):
        return
    if all(parameter.requires_grad for parameter in inside):
        yield _part(path or "(the whole)", type(module).__name__, inside, seen)
        return
    for name, parameter in module.named_parameters(path, recurse=False):
        if parameter.requires_grad:
            yield _part(name, type(parameter).__name__, [parameter], seen)
    for name, child in module.named_children():
        yield from _parts(child, f"{path}.{name}" if path else name, seen)


def _part(path: str, kind: str, found: list[nn.Parameter], seen: set[int]) -> Part:
    dtypes = dict.fromkeys(str(parameter.dtype).removeprefix("torch.") for parameter in found)
    new = {id(parameter): parameter.numel() for parameter in found if id(parameter) not in seen}
    seen.update(new)
    return Part(path, kind if new else f"{kind}, shared", ", ".join(dtypes), 1, sum(new.values()))


def _collapsed(parts: Iterator[Part]) -> Iterator[Part]:
    """One part for all those that differ only in the numbers of their paths."""
    alike: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        alike.setdefault((_NUMBER.sub("*", part.path), part.kind, part.dtype), []).append(part)
    for (path, kind, dtype), found in alike.items():
        total = sum(part.parameters for part in found)
        yield Part(found[0].path if len(found) == 1 else path, kind, dtype, len(found), total)
