"""Run-time sizes that hold the contracts of a graph, what `forward` takes for them, and what it must give."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch

from vla_compose.check.graph import Graph, Requirement
from vla_compose.primitives.anyres_pack import AnyresPack
from vla_compose.primitives.base import Node
from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput
from vla_compose.types.dim import Dim, Quotient
from vla_compose.types.expression import parse_expression
from vla_compose.types.tensor import Axis, Group, TensorType

FRAMES = re.compile("for every image, (.*) is 1 or even")
MOST = 2_000_000
"""Numbers that are really computed; what is larger goes to the `meta` device, which has shapes only."""


WIDE = 20_000
"""Rows of one step that are really computed: attention compares each with each."""


class NoSizes(Exception):
    """No sizes were found that hold the contracts."""


@dataclass
class Sample:
    """A number for every run-time size; `images` holds one mapping an image, for packed axes."""

    sizes: dict[str, int]
    images: list[dict[str, int]]
    packs: list[tuple[str, str, list[int]]] = field(default_factory=list)
    """The sizes `anyres` and `images` of each `anyres_pack`, and how many tokens each image gives."""

    def axis(self, axis: Axis) -> int:
        """How long an axis is."""
        return sum(self.segment(segment) for segment in axis.segments)

    def segment(self, segment: Group) -> int:
        """How long a part of an axis is."""
        images = self.images if segment.packed else [self.sizes]
        return sum(number(segment.size, image) for image in images)

    def shape(self, type_: TensorType) -> tuple[int, ...]:
        """The shape of one tensor of a type."""
        return tuple(self.axis(axis) for axis in type_.axes)


def number(size: Dim, sizes: Mapping[str, int]) -> int:
    """A size with everything put in."""
    value = size.substitute(sizes).constant
    if value is None:
        raise NoSizes(f"{size} is not known from {dict(sizes)}")
    return value


def nodes(graph: Graph) -> Iterator[Node]:
    """Every checked step."""

    def walk(found: Iterable[Node]) -> Iterator[Node]:
        for node in found:
            yield node
            yield from walk(node.body)

    for checked in graph.chains:
        yield from walk(checked.nodes)


def _divisors(dim: Dim) -> Iterator[tuple[frozenset[str], int]]:
    for monomial in dim._terms:
        for atom, _ in monomial:
            if isinstance(atom, Quotient):
                yield atom.numerator.symbols(), atom.divisor.constant or 1
                yield from _divisors(atom.numerator)


def _units(graph: Graph, contracts: list[Requirement]) -> dict[str, int]:
    """For each size a number that makes divisions come out even."""
    units: dict[str, int] = {}
    for edge in graph.inputs.values():
        for factor in edge.type.substitute(graph.values).factors():
            for symbols, divisor in _divisors(factor):
                for name in symbols:
                    units[name] = math.lcm(units.get(name, 1), divisor)
    for contract in contracts:
        inner = 1
        for _, divisor in _divisors(contract.size):
            inner = math.lcm(inner, divisor)
        for name in contract.size.symbols():
            units[name] = math.lcm(units.get(name, 1), inner * contract.multiple_of)
    return units


def sample(graph: Graph, *, default: bool = False) -> Sample:
    """Sizes for two images that hold every contract; sizes differ where they may.

    Args:
        graph: the checked spec.
        default: take the sizes that `forward` takes when it is called without them.

    Raises:
        NoSizes: none were found.
    """
    requirements = [r for checked in graph.chains for r in checked.requirements]
    contracts = [r for r in requirements if not r.text]
    even = [
        parse_expression(match[1]).substitute(graph.values)
        for match in map(FRAMES.match, (r.text for r in requirements))
        if match
    ]
    grids = {n for v in graph.spec.inputs.values() if isinstance(v, GridInput) for n in v.names}
    for edge in graph.inputs.values():
        if edge.type.axes[0].packed:  # rows that no grid counts
            grids |= edge.type.axes[0].size.symbols() - graph.values.keys()
    symbols = {n for edge in graph.inputs.values() for n in edge.type.symbols()} - graph.values.keys()
    symbols |= {n for v in graph.spec.inputs.values() if isinstance(v, SizesInput) for n in v.names}
    units = _units(graph, contracts)
    for scale, one in product((1, 2, 3, 4, 6, 8, 16, 64, 1024, 2**17), (True, False) if even else (False,)):
        names = sorted(symbols | grids)
        sizes = {name: units.get(name, 1) * scale * (2 + at % 3) for at, name in enumerate(names)}
        images = [
            {
                name: units.get(name, 1) * scale * (1 + (at + image) % 3)
                for at, name in enumerate(sorted(grids))
            }
            for image in (0, 1)
        ]
        for size in even:
            for image in images:
                image |= {name: 2 * value for name, value in image.items() if name in size.symbols()}
            if one:
                images[0] |= dict.fromkeys(size.symbols(), 1)
        if default:
            for value in graph.spec.inputs.values():
                if isinstance(value, SizesInput) and value.default:
                    sizes |= dict(zip(value.names, value.default, strict=True))
        found = Sample(sizes, images)
        _pack(graph, found)
        counts = [number(size, image) for size in even for image in found.images]
        if not all(count == 1 or (count > 0 and count % 2 == 0) for count in counts):
            continue
        if _positive(graph, found) and all(_holds(contract, found, grids) for contract in contracts):
            return found
    raise NoSizes(", ".join(str(contract) for contract in contracts))


def _holds(contract: Requirement, found: Sample, grids: set[str]) -> bool:
    every = found.images if contract.size.symbols() & grids else [found.sizes]
    values = [number(contract.size, sizes) for sizes in every]
    return all(value % contract.multiple_of == 0 and value >= contract.at_least for value in values)


def _positive(graph: Graph, found: Sample) -> bool:
    """Whether every part of every input has entries, for every image."""
    for edge in graph.inputs.values():
        for axis in edge.type.substitute(graph.values).axes:
            for segment in axis.segments:
                every = found.images if segment.packed else [found.sizes]
                if any(number(segment.size, sizes) < 1 for sizes in every):
                    return False
    return True


def _pack(graph: Graph, found: Sample) -> None:
    """Images of exactly the size of a grid of tiles: nothing is padded, so counting is simple."""
    for node in nodes(graph):
        step = node.step.body
        if not isinstance(step, AnyresPack):
            continue
        tile = number(step.tile, graph.values)
        group = node.before.tokens.group
        assert group is not None
        rows, columns = (number(factor.substitute(graph.values), found.sizes) for factor in group.factors)
        grids = [step.grids[0], step.grids[-1]]
        found.images = [{"height": r * tile, "width": c * tile} for r, c in grids]
        tokens = [rows * columns + r * rows * (c * columns + 1) for r, c in grids]
        tiles, anyres = node.before.axes[0].size.symbol, node.after.axes[0].size.symbol
        images = node.after.each.symbol if node.after.each is not None else None
        if tiles is None or anyres is None or images is None:
            raise NoSizes(f"tiles are {node.before.axes[0]}")
        found.sizes[tiles] = sum(1 + r * c for r, c in grids)
        found.packs.append((anyres, images, tokens))


def device_of(graph: Graph, found: Sample) -> str:
    """Where to run: really, or with shapes only."""
    total = graph.parameters()
    for edge in graph.inputs.values():
        type_ = edge.type.substitute(graph.values)
        copies = 1 if edge.each is None else number(edge.each, graph.values)
        total += math.prod(found.shape(type_)) * copies
    widest = max(
        (node.after.width.substitute(graph.values).constant or 1 for node in nodes(graph)), default=1
    )
    rows = max(
        (_rows(t, graph, found) for node in nodes(graph) for t in (node.before, node.after)), default=1
    )
    return "cpu" if total <= MOST and rows <= WIDE and widest * rows <= 4 * MOST else "meta"


def _rows(type_: TensorType, graph: Graph, found: Sample) -> int:
    try:
        return math.prod(found.shape(type_.substitute(graph.values))[:-1])
    except NoSizes:
        return 1


def arguments(graph: Graph, found: Sample, flag: bool, device: str, *, default: bool) -> dict[str, Any]:
    """What `forward` takes, by name; with `default`, without what may be left out."""
    masks = {getattr(node.step.body, "mask", None): node.step.kind for node in nodes(graph)}
    indices = {name for node in nodes(graph) for name in [getattr(node.step.body, "index", None)] if name}
    made: dict[str, Any] = {}
    for name, value in graph.spec.inputs.items():
        if isinstance(value, SizesInput):
            if not (default and value.default):
                made[name] = tuple(found.sizes[size] for size in value.names)
        elif isinstance(value, GridInput):
            made[name] = torch.tensor([[image[column] for column in value.names] for image in found.images])
        elif isinstance(value, FlagInput):
            made[name] = flag
        else:
            edge = graph.inputs[name]
            if default and edge.optional:
                continue
            shape = found.shape(edge.type.substitute(graph.values))
            if name in masks:
                # The last key is hidden: by `true` in torch's own attention, by `false` in ours.
                last = torch.arange(shape[-1], device=device) == shape[-1] - 1
                made[name] = (last if masks[name] == "multihead_attention" else ~last).expand(shape)
            elif name in indices:
                made[name] = torch.randperm(shape[0], device=device)
            elif edge.each is not None:
                count = number(edge.each, graph.values)
                made[name] = [torch.randn(shape, device=device) for _ in range(count)]
            else:
                made[name] = torch.randn(shape, device=device)
    return made


def chosen(graph: Graph, found: Sample, flag: bool) -> None:
    """Put in the sizes that choices by flags made up, as what they are for this flag."""
    for note in graph.notes:
        name, _, rest = note.partition(" is ")
        then, _, otherwise = rest.partition(", else ")
        text = then.rpartition(" if ")[0] if flag else otherwise
        found.sizes[name] = number(parse_expression(text), found.sizes)


def wrong_output(graph: Graph, found: Sample, results: Any) -> str:
    """How what `forward` gave differs from the inferred types; empty when it does not."""
    several = results if len(graph.outputs) > 1 else (results,)
    if not isinstance(several, tuple) or len(several) != len(graph.outputs):
        return f"{len(several)} outputs for {len(graph.outputs)}"
    for (output, edge), result in zip(graph.outputs, several, strict=True):
        type_ = edge.type.substitute(graph.values)
        expected = _expected(type_, found)
        got = [tuple(t.shape) for t in result] if isinstance(result, list) else tuple(result.shape)
        if got != expected:
            return f"output `{output.name}` is {got}, but `{type_}` is {expected}"
    return ""


def _expected(type_: TensorType, found: Sample) -> Any:
    if type_.each is None:
        return found.shape(type_)
    for anyres, images, tokens in found.packs:
        if type_.each.symbol == images:
            every = [Sample(found.sizes | {anyres: count}, found.images) for count in tokens]
            return [one.shape(type_) for one in every]
    return [found.shape(type_)] * number(type_.each, found.sizes)
