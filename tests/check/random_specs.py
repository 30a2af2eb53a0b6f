"""Specs at random, most of them valid, and what `forward` must be given for them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

import torch

import vla_compose
from vla_compose.check.graph import Graph
from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput
from vla_compose.types.dim import Dim
from vla_compose.types.expression import parse_expression
from vla_compose.types.tensor import TensorType

DIMS = {"c": 8, "d": 12, "m": 2, "k": 3, "side": 4, "q": 4, "heads": 2, "depth": 2, "one": 1}
FRAMES = re.compile("for every image, (.*) is 1 or even")
WORDS = """x y tokens size grid context read residual queries keys values image images tensor stream first
    last column at joined chosen frames positions a b h w n t s out result fine_size anyres grids""".split()
SIZES = ["h", "w", "n", "t", "s", "b"]


@dataclass
class Draft:
    """A spec while it is made up. `sizes` renames run-time sizes."""

    random: random.Random
    names: list[str] = field(default_factory=list)
    sizes: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def word(self) -> str:
        return self.random.choice(WORDS)

    def name(self) -> str:
        """A new state-dict name, sometimes an old one or one below another."""
        if self.names and self.chance(2):
            return self.random.choice(self.names)
        name = f"p{len(self.names)}"
        if self.names and self.chance(8):
            name = f"{self.random.choice(self.names)}.{name}"
        elif self.chance(8):
            name = f"part.{len(self.names)}"
        self.names.append(name)
        return name

    def pattern(self, text: str) -> str:
        """A pattern with the sizes of this draft."""
        return " ".join(self._renamed(part) for part in text.split(" "))

    def _renamed(self, text: str) -> str:
        for plain, name in self.sizes.items():
            text = text.replace(f"<{plain}>", name)
        return text


RASTER = ["<b> (<h> <w>) c", "<b> (<s> <s>) c", "<b> 1+(<s> <s>) c", "<b> 2+(<h> <w>) c", "<b> (side side) c"]
PLAIN = [
    "<b> <n> c",
    "<n> c",
    "<b> (<t> <h> <w>) c",
    "<b> (2*<h> <w>) c",
    "<b> q c",
    "<b> 1+<n>+1 c",
    "c",
    "<b> k <n> c",
]
BLOCKS = ["(<n> m m) c", "<b> (<n> m m) c", "(<t> <h> <w> m m) c", "<n> (m m c)", "<n> c+d"]
MAPS = ["<b> c <h> <w>", "<b> c 2*<h> <w>+1"]
PACKED = [
    "packed(<t> <h> <w>) c",
    "packed(<h>//m <w>//m m m) c",
    "packed(<t> <h>//m <w>//m m m) c",
    "packed(<n>) c",
]


def step(draft: Draft, depth: int = 0) -> str:
    """One step in flow style."""
    name, pick, chance = draft.name, draft.pick, draft.chance
    width = pick("c", "d", "same", "same", "2 * same", "same // 2", "5")
    options = [
        lambda: f"linear: {{name: {name()}, out: {width}, bias: {pick('true', 'false')}}}",
        lambda: (
            f"norm: {{name: {name()}, kind: {pick('layer', 'rms', 'rms_fp32', 'rms_gemma', 'rms_pow')}, "
            f"affine: {pick('true', 'true', 'false')}}}"
        ),
        lambda: f"activation: {pick('gelu', 'gelu_new', 'quick_gelu', 'silu', 'relu2')}",
        lambda: f"mlp: {{name: {name()}, hidden: {width}, out: same, activation: {pick('gelu', 'silu')}}}",
        lambda: f"mlp: {{names: [{name()}, {name()}], hidden: same, out: {width}, activation: gelu_new}}",
        lambda: f"gated_mlp: {{name: {name()}, hidden: d, out: {width}}}",
        lambda: f"matmul: {{name: {name()}, out: {width}}}",
        lambda: f"spatial_merge: {{size: {pick('m', 'm', '1', 'k', '2')}, channels: {pick('hwc', 'chw')}}}",
        lambda: f"spatial_merge: {{size: {pick('m', 'm', '1', 'k', '2')}, channels: {pick('hwc', 'chw')}}}",
        lambda: "to_map",
        lambda: "to_tokens",
        lambda: (
            f"conv2d: {{name: {name()}, out: {width}, kernel: {pick('m', '1', 'k')}, "
            f"stride: {pick('1', 'm', 'k')}, padding: {pick('0', '0', '1')}}}"
        ),
        lambda: f"tokens: {{start: {name()}}}",
        lambda: f"tokens: {{start: {name()}, end: {name()}}}",
        lambda: f"tokens: {{row_end: {name()}}}",
        lambda: f"drop: {{first: {pick(1, 1, 2, 3)}}}",
        lambda: f"drop: {{last: {pick(1, 2)}}}",
        lambda: "flatten",
        lambda: "temporal_merge: {size: 2}",
        lambda: (
            f"queries: {{name: {name()}, count: {pick('q', '4', '5')}, "
            f"batch: {pick('true', 'true', 'false')}}}"
        ),
        lambda: f"positions: {{name: {name()}}}",
    ]
    if not draft.masks or chance(60):
        options.append(
            lambda: (
                f"attention: {{name: {name()}, heads: heads, "
                f"keys: {pick('self', 'context', 'context_and_self')}}}"
            )
        )
    else:
        options.append(
            lambda: (
                f"attention: {{name: {name()}, heads: heads, keys: {pick('context', 'context_and_self')}, "
                f"mask: {draft.random.choice(draft.masks)}}}"
            )
        )
    positions = f", positions: {{name: {name()}}}" if chance(40) else ""
    options.append(lambda: f"multihead_attention: {{name: {name()}, heads: heads{positions}}}")
    if depth < 2:
        options += [
            lambda: f"residual: [{', '.join('{' + s + '}' for s in braced(draft, depth + 1))}]",
            lambda: (
                f"repeat: {{name: {name()}, count: depth, "
                f"steps: [{', '.join('{' + s + '}' for s in braced(draft, depth + 1))}]}}"
            ),
        ]
    return draft.random.choice(options)()


def braced(draft: Draft, depth: int) -> list[str]:
    """Steps for a flow list; one without fields is written with an empty mapping."""
    found = [step(draft, depth) for _ in range(draft.random.randint(1, 3))]
    return [text if ":" in text else f"{text}: {{}}" for text in found]


def steps(draft: Draft, pad: str, before: str) -> str:
    """The entries of `steps`, most of them such that the checker accepts what stands `before` and them."""
    found = ""
    for _ in range(draft.random.randint(1, 5)):
        for _ in range(8):
            names = list(draft.names)
            more = f"{pad}- {step(draft)}\n"
            if draft.chance(4) or not vla_compose.check(before + found + more):
                found += more
                break
            draft.names[:] = names
    return found or f"{pad}- activation: relu\n"


def spec_text(seed: int) -> str:
    """One spec."""
    draft = Draft(random.Random(seed))
    pick, chance = draft.pick, draft.chance
    words = draft.random.sample(WORDS, 6) if chance(25) else SIZES
    draft.sizes = dict(zip(SIZES, words, strict=True))
    kind = pick("raster", "raster", "plain", "blocks", "maps", "packed", "resampler", "list")
    pools = {"raster": RASTER, "plain": PLAIN, "blocks": BLOCKS, "maps": MAPS, "packed": PACKED}
    first = draft.random.choice(pools.get(kind, RASTER + PLAIN))
    x = draft.word() if chance(25) else "x"
    pattern = draft.pattern(first)
    inputs = [
        f"{x}: {{each: {pick('depth', '3', 'one')}, type: {pattern}}}"
        if kind == "list"
        else f"{x}: {pattern}"
    ]
    extra = draft.word() if chance(30) else "size"
    if kind == "packed":
        grid = [name for name in ("t", "h", "w", "n") if f"<{name}>" in first]
        inputs.append(f"{extra}: {{grid: {' '.join(draft.sizes[name] for name in grid)}}}")
    elif chance(75) and "<h>" in first and kind != "maps":
        default = ", default: [2, 4]" if chance(20) else ""
        inputs.append(f"{extra}: {{sizes: {draft.sizes['h']} {draft.sizes['w']}{default}}}")
    if chance(20) and "default" not in inputs[-1]:
        inputs.append(f"y: {pattern}")
    flag = chance(25)
    if flag:
        inputs.append("fine: {flag: false}")
    tokens = pattern.split(" c")[0].split(" ", 1)
    if kind == "resampler" and len(tokens) == 2 and "(" not in tokens[0]:
        mask = draft.word() if chance(30) else "mask"
        inputs.append(f"{mask}: {{optional: true, type: {' '.join(tokens)}}}")
        draft.masks.append(mask)
    lines = [f"spec_version: 1\nname: {pick('t', 'f', 'a.b', 'tensor')}\n"]
    lines.append("dims: {" + ", ".join(f"{name}: {value}" for name, value in DIMS.items()) + "}\ninputs:\n")
    lines += [f"  {text}\n" for text in inputs]
    lead = "  - queries: {name: latents, count: q}\n" if kind == "resampler" else ""
    shape = pick("root", "root", "chain", "two", "three") if kind != "list" else "each"
    if kind == "packed" and chance(60):
        shape = "image"
    sources = [x, "y"] if any(text.startswith("y:") for text in inputs) else [x]
    if shape == "root":
        lines.append(f"steps:\n{lead}")
        lines.append(steps(draft, "  ", "".join(lines)))
        if chance(15):
            lines.append("unused: {spare: d}\n")
        return "".join(lines)
    lines.append("chains:\n")
    first_name = pick("one", "one", "one", draft.word())
    second = pick("two", "two", "two", f"{first_name}.part", draft.word())
    names = [first_name, second, pick("three", "three", draft.word())]
    count = {"chain": 1, "two": 2, "three": 3, "image": 1, "each": pick(1, 2)}[shape]
    made: list[str] = []
    for name in names[:count]:
        origin: Any = draft.random.choice([*sources, *made])
        if shape == "three" and len(made) == 2:
            origin = combined(draft, made, flag)
        lines.append(f"  {name}:\n    from: {origin}\n")
        if shape == "each" and chance(95):
            lines.append("    each: true\n")
        if shape == "image" and chance(90):
            lines.append(f"    per_image: {extra}\n")
        if chance(20) and shape not in ("image", "each"):
            lines.append("    inline: true\n")
        inner = Draft(draft.random, [], draft.sizes, [], draft.masks)
        if chance(60) and made and shape in ("two", "three"):
            lines.append("    steps: [{linear: {name: same_width, out: d}}]\n")
        else:
            begin = lead.replace("  -", "      -") if chance(80) else ""
            lines.append(f"    steps:\n{begin}")
            lines.append(steps(inner, "      ", "".join(lines)))
        made.append(name)
    if chance(60):
        lines.append(f"from: {combined(draft, made, flag)}\nsteps:\n")
        lines.append(steps(draft, "  ", "".join(lines)))
    elif chance(30):
        other = combined(draft, made, flag)
        lines.append(f"outputs: {{tokens: {made[-1]}, {draft.word()}: {{from: {other}}}}}\n")
    return "".join(lines)


def combined(draft: Draft, made: list[str], flag: bool) -> str:
    """One chain, or several together."""
    one, other = draft.random.choice(made), draft.random.choice(made)
    options = [
        one,
        f"{{add: [{one}, {other}]}}",
        f"{{concat: [{one}, {other}], axis: tokens}}",
        f"{{concat: [{one}]}}",
    ]
    options.append(f"{{concat: [{one}, {other}]}}")
    if flag:
        options += [f"{{flag: fine, then: {one}, else: {other}}}"] * 4
    return draft.random.choice(options)


# --- running it -----------------------------------------------------------------------------------------


@dataclass
class Sample:
    """Numbers for every run-time size: `images` holds one mapping an image, for packed axes."""

    sizes: dict[str, int]
    images: list[dict[str, int]]

    def length(self, axis: Any) -> int:
        """How long an axis is."""
        return sum(self._segment(segment) for segment in axis.segments)

    def _segment(self, segment: Any) -> int:
        if not segment.packed:
            return number(segment.size, self.sizes)
        return sum(number(segment.size, image) for image in self.images)

    def shape(self, type_: TensorType) -> tuple[int, ...]:
        """The shape of one tensor of a type."""
        return tuple(self.length(axis) for axis in type_.axes)


def number(size: Dim, sizes: dict[str, int]) -> int:
    """A size with everything put in."""
    value = size.substitute(sizes).constant
    assert value is not None, f"{size} is not known with {sizes}"
    return value


def samples(graph: Graph, source: random.Random) -> Sample | None:
    """Sizes that keep the contracts, and give no empty axis; `None` when none were found."""
    grids = [value.names for value in graph.spec.inputs.values() if isinstance(value, GridInput)]
    columns = {name for names in grids for name in names}
    symbols = {name for edge in graph.inputs.values() for name in edge.type.symbols()} - graph.values.keys()
    symbols |= {n for v in graph.spec.inputs.values() if isinstance(v, SizesInput) for n in v.names}
    found = [r for checked in graph.chains for r in checked.requirements]
    contracts = [r for r in found if not r.text]
    frames = [FRAMES.match(r.text) for r in found]
    even = [parse_expression(match[1]).substitute(graph.values) for match in frames if match]
    for attempt in range(300):
        most = 4 + attempt // 20
        sample = Sample(
            {name: drawn(source, most) for name in sorted(symbols | columns)},
            [{name: drawn(source, most, name) for name in sorted(columns)} for _ in range(2)],
        )
        counts = [number(size, image) for size in even for image in sample.images]
        good = all(count == 1 or count % 2 == 0 for count in counts) and positive(graph, sample)
        if good and all(holds(contract, sample, columns) for contract in contracts):
            return sample
    return None


def drawn(source: random.Random, most: int, name: str = "") -> int:
    """A size; one that may count frames is rarely odd."""
    return source.choice([1, 2, 4]) if name == "t" else source.randint(1, most) * source.choice([1, 2])


def holds(contract: Any, sample: Sample, columns: set[str]) -> bool:
    """Whether a contract holds, for each image where it is about images."""
    each = sample.images if contract.size.symbols() & columns else [sample.sizes]
    values = [number(contract.size, sizes) for sizes in each]
    return all(value % contract.multiple_of == 0 and value >= contract.at_least for value in values)


def positive(graph: Graph, sample: Sample) -> bool:
    """Whether every axis of every input has entries, of every image too."""
    for edge in graph.inputs.values():
        type_ = edge.type.substitute(graph.values)
        for axis in type_.axes:
            for segment in axis.segments:
                for sizes in sample.images if segment.packed else [sample.sizes]:
                    if number(segment.size, sizes) < 1:
                        return False
    return True


def arguments(graph: Graph, sample: Sample, flag: bool) -> dict[str, Any]:
    """What `forward` takes, by name."""
    found: dict[str, Any] = {}
    held = graph.holds()
    for name, value in graph.spec.inputs.items():
        if isinstance(value, SizesInput):
            found[name] = tuple(sample.sizes[size] for size in value.names)
        elif isinstance(value, GridInput):
            found[name] = torch.tensor([[image[column] for column in value.names] for image in sample.images])
        elif isinstance(value, FlagInput):
            found[name] = flag
        else:
            edge = graph.inputs[name]
            type_ = edge.type.substitute(graph.values)
            shape = sample.shape(type_)
            if name in held:
                found[name] = (
                    torch.ones(shape, dtype=torch.bool)
                    if shape[-1] % 2
                    else torch.arange(shape[-1]).expand(shape) < shape[-1] - 1
                )
            elif edge.each is not None:
                found[name] = [torch.randn(shape) for _ in range(number(edge.each, dict(graph.values)))]
            else:
                found[name] = torch.randn(shape)
    return found


def chosen(graph: Graph, flag: bool) -> dict[str, str]:
    """The sizes that choices introduced, as what they are for this flag."""
    found = {}
    for note in graph.notes:
        name, _, rest = note.partition(" is ")
        then, _, otherwise = rest.partition(", else ")
        found[name] = then.rpartition(" if ")[0] if flag else otherwise
    return found
