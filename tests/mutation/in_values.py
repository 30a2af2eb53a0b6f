"""Faults of values: sizes, numbers, flags, and values of the wrong type."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.in_names import dim_uses
from tests.mutation.kinds import LATER, STEP, kind
from tests.mutation.seeds import Mutant, Place, Seed

WIDTHS = ("out", "hidden", "in")
SIZES = (
    *WIDTHS,
    "size",
    "kernel",
    "stride",
    "padding",
    "count",
    "heads",
    "kv_heads",
    "head_dim",
    "first",
    "last",
    "tile",
)


def sizes(seed: Seed) -> Iterator[Place]:
    """Every value that is a size: fields of steps, dims, `each`, dims of variants, unused parameters."""
    yield from (p for p in seed.fields(*SIZES) if p.scalar is not None)
    yield from seed.below("dims")
    for variant in seed.below("variants"):
        yield from seed.below(*variant.path)
    for path, place in seed.places.items():
        if path and path[-1] == "each" and path[0] == "inputs":
            yield place


def reach(seed: Seed, place: Place) -> set[int]:
    """Where a size that is possible, but wrong, may show."""
    if place.path[0] in ("dims", "variants"):
        dim, found = str(place.path[-1]), set[int]()
        names = [dim, *(str(d) for d, v in seed.body["dims"].items() if dim in str(v))]
        uses = [p for p, used in dim_uses(seed) if used in names]
        for use in uses:
            found |= set(seed.block(seed.step_around(use.path) or use.path)) | seed.home(use.path)
            found |= seed.readers(str(use.path[1])) if use.path[0] == "inputs" else set()
            found |= seed.later(use.path) if seed.step_around(use.path) else set()
        return found
    if place.path[0] == "inputs":
        return seed.home(place.path) | seed.readers(str(place.path[1]))
    return seed.home(place.path) | seed.later(place.path)


@kind("a wrong `in`")
def wrong_in(seed: Seed) -> Iterator[Mutant]:
    for step in seed.steps():
        if seed.kind_of(step) == "linear":
            path = (*step, "linear")
            for given in ("7", "vision + 1", "text * 3", "vison", "0", "h", "2 * same"):
                if (*path, "in") in seed.places:
                    yield seed.put("a wrong `in`", seed.places[*path, "in"].node, given)
                else:
                    yield seed.with_entry("a wrong `in`", path, f"in: {given}")


@kind("a wrong `out`", LATER)
def wrong_out(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("out"):
        for given in ("7", f"{place.scalar} + 1", "2 * same", "same"):
            yield seed.put("a wrong `out`", place.node, given, reach(seed, place))


@kind("a wrong `hidden`")
def wrong_hidden(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("hidden"):
        for given in ("7", f"{place.scalar} - 1", "hiden", "same // 1000", "n", "same %"):
            yield seed.put("a wrong `hidden`", place.node, given, seed.home(place.path))


def sized(name: str, *given: str) -> None:
    """Declare a kind that puts impossible sizes in the place of every size."""

    @kind(name, LATER)
    def impossible(seed: Seed) -> Iterator[Mutant]:
        for place in sizes(seed):
            for new in given:
                # An adapter that is too large is reported at the steps that make most of it.
                large = {seed.places[path].line for path in seed.lists()} if "huge" in name else set()
                yield seed.put(name, place.node, new, reach(seed, place), large)


sized("a size of zero", "0", "1 - 1", "1 // 2")
sized("a negative size", "-1", "-4", "2 - 5")
sized(
    "a huge size",
    "100000",
    "1099511627776",
    "9007199254740993",
    "9223372036854775808",
    "10000000000 * 10000000000",
)


@kind("a size that is no size")
def no_size(seed: Seed) -> Iterator[Mutant]:
    for place in sizes(seed):
        for new in (
            "0.5",
            "true",
            "[4]",
            "vision *",
            "vision / 2",
            "text ** 2",
            '""',
            "null",
            "(4",
            "4 5",
            "int(4)",
        ):
            yield seed.put("a size that is no size", place.node, new, seed.home(place.path))


@kind("a size that is divided by zero")
def by_zero(seed: Seed) -> Iterator[Mutant]:
    for place in sizes(seed):
        for new in (f"({place.scalar}) // 0", f"({place.scalar}) % 0", "4 // (2 - 2)"):
            yield seed.put("a size that is divided by zero", place.node, new, seed.home(place.path))


@kind("another number for a dim", LATER)
def other_dim(seed: Seed) -> Iterator[Mutant]:
    for place in seed.below("dims"):
        for new in ("1", "3", "7", "13"):
            yield seed.put("another number for a dim", place.node, new, reach(seed, place))


@kind("another number for a dim of a variant", LATER)
def other_variant(seed: Seed) -> Iterator[Mutant]:
    for variant in seed.below("variants"):
        for place in seed.below(*variant.path):
            for new in ("1", "3", "7", "vision", "txt", "2 * text"):
                yield seed.put("another number for a dim of a variant", place.node, new, reach(seed, place))


@kind("impossible heads", STEP)
def heads(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("heads", "kv_heads", "head_dim"):
        for new in ("7", "1000", "0", "-2", "text + 1", "3"):
            around = seed.step_around(place.path) or ()
            yield seed.put("impossible heads", place.node, new, set(seed.block(around)))


@kind("another merge size", LATER)
def merge(seed: Seed) -> Iterator[Mutant]:
    for step in seed.steps():
        if seed.kind_of(step) in ("spatial_merge", "temporal_merge"):
            place = seed.places[*step, seed.kind_of(step), "size"]
            for new in ("1", "3", "4", "16", "merge + 1", "scale"):
                yield seed.put("another merge size", place.node, new, reach(seed, place))


@kind("another kernel, stride or padding", LATER)
def kernel(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("kernel", "stride", "padding"):
        for new in ("1", "2", "3", "5", "50", "0", "-1"):
            yield seed.put("another kernel, stride or padding", place.node, new, reach(seed, place))
    for step in seed.steps():
        if seed.kind_of(step) == "conv2d":
            for entry in ("stride: 3", "padding: 2", "padding: -1", "stride: 0"):
                if (*step, "conv2d", entry.split(":")[0]) not in seed.places:
                    yield seed.with_entry(
                        "another kernel, stride or padding", (*step, "conv2d"), entry, seed.later(step)
                    )


@kind("an `eps` out of range")
def eps(seed: Seed) -> Iterator[Mutant]:
    for place in seed.fields("eps"):
        for new in (
            ".nan",
            "-1e-6",
            "0",
            "1e6",
            ".inf",
            "'1e-6'",
            "true",
            "1e-400",
            "[1e-6]",
            "eps",
            "0.0",
            "1e400",
        ):
            yield seed.put("an `eps` out of range", place.node, new, seed.home(place.path))


@kind("a value of the wrong type", LATER)
def wrong_type(seed: Seed) -> Iterator[Mutant]:
    wrong = {
        "bool": ("1", "'true'", "[true]", "null", "{a: 1}"),
        "str": ("3", "true", "[a]", "{a: b}", "null", "1.5"),
        "list": ("3", "true", "some", "{a: b}"),
        "dict": ("3", "true", "some text", "[a]"),
    }
    for path, place in seed.places.items():
        if (
            not path
            or path[-1] in ("spec_version", "eps")
            or place.node.start_mark.line != place.node.end_mark.line
        ):
            continue
        if isinstance(path[-1], int) and seed.places[path[:-1]].path[-1:] == ("residual",):
            continue
        value: object = seed.body
        for part in path:
            value = value[part]  # type: ignore[index]
        if (
            path in seed.steps()
            or type(value).__name__ not in wrong
            or path[-1] in (*SIZES, "each", "summary")
        ):
            continue
        if path[0] in ("dims", "variants") and isinstance(value, str):
            continue
        options = wrong[type(value).__name__]
        free = path[0] in ("inputs", "outputs") or path[-1] == "from"
        for at in range(2):
            new = options[(len(path) + place.line + at) % len(options)]
            right = seed.home(path)
            if free:
                right |= seed.readers(str(path[1])) if path[0] == "inputs" else set()
            yield seed.put("a value of the wrong type", place.node, new, right)


@kind("a number where a spec says more", LATER)
def bare(seed: Seed) -> Iterator[Mutant]:
    for step in seed.steps():
        place = seed.places[step]
        if place.scalar is None and seed.below(*step)[0].flow:
            node = seed.below(*step)[0].node
            for new in ("3", "text", "[a, b]", "{}"):
                yield seed.put(
                    "a number where a spec says more", node, new, seed.later(step), seed.home(step)
                )


FLAGS = {
    "linear": "bias: false",
    "mlp": "bias: false",
    "gated_mlp": "bias: true",
    "conv2d": "bias: false",
    "norm": "affine: false",
    "queries": "batch: false",
    "attention": "bias: true",
}


@kind("a flag flipped", LATER)
def flipped(seed: Seed) -> Iterator[Mutant]:
    for path, place in seed.places.items():
        if place.scalar in ("true", "false") and path[-1] not in ("each", "inline", "optional"):
            new = "false" if place.scalar == "true" else "true"
            yield seed.put(
                "a flag flipped", place.node, new, seed.later(path) if seed.step_around(path) else ()
            )
    for step in seed.steps():
        entry = FLAGS.get(seed.kind_of(step))
        if entry and (*step, seed.kind_of(step), entry.split(":")[0]) not in seed.places:
            yield seed.with_entry("a flag flipped", (*step, seed.kind_of(step)), entry, seed.later(step))
