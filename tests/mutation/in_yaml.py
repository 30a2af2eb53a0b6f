"""Faults of the YAML text: indentation, brackets, quotes, ambiguous scalars, features of YAML left out."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.kinds import LATER, NEXT, PLACE, kind
from tests.mutation.seeds import Mutant, Place, Seed

AMBIGUOUS = (
    "yes",
    "No",
    "on",
    "017",
    "1_000",
    "12:30",
    "0x_1",
    "2024-01-01",
    "~",
    "True",
    "+.inf",
    "0b11",
    "y",
)


def spaced(seed: Seed) -> list[range]:
    """Every line with text on it, without those of comments alone."""
    found = []
    for at, line in enumerate(seed.text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            found.append(range(at, at + 1))
    return found


def around(line: range) -> set[int]:
    """A line and the next, at which YAML notices that something is not closed or not lined up."""
    return {line.start, line.start + 1}


def scalars(seed: Seed) -> list[Place]:
    """Every plain scalar that is no text for readers."""
    return [
        p for at, p in seed.places.items() if p.scalar is not None and at[0] not in ("summary", "sources")
    ]


@kind("another `spec_version`")
def version(seed: Seed) -> Iterator[Mutant]:
    node = seed.places[("spec_version",)].node
    for new in ("0", "2", "-1", "'1'", "1.0", "true", "null", "99999999999999999999", "[1]", "one"):
        yield seed.put("another `spec_version`", node, new)


@kind("a scalar that readers disagree about", LATER)
def ambiguous(seed: Seed) -> Iterator[Mutant]:
    for at, place in enumerate(scalars(seed)):
        if place.node.style is None:  # type: ignore[attr-defined]
            for more in (0, 5):
                new = AMBIGUOUS[(at * 3 + more) % len(AMBIGUOUS)]
                right = seed.home(place.path)
                right |= seed.readers(str(place.path[1])) if place.path[0] == "inputs" else set()
                right |= seed.later(place.path) if seed.step_around(place.path) else set()
                yield seed.put("a scalar that readers disagree about", place.node, new, right)


@kind("indentation broken", PLACE)
def indentation(seed: Seed) -> Iterator[Mutant]:
    lines = spaced(seed)
    for line in lines:
        text = seed.lines(line)
        pad = len(text) - len(text.lstrip(" "))
        # One level more or less may still be YAML, but then the entry belongs to something else.
        top = {seed.below()[0].line, 1}
        before = max((other.start for other in lines if other.start < line.start), default=1)
        owners = top | around(line) | {before}
        for path in seed.places:
            if path and seed.block(path).start <= line.start < seed.block(path).stop:
                owners.add(seed.places[path].line)
            if path and seed.places[path].line == line.start:
                owners |= {seed.block(path).stop, seed.block(path).start + 2}
        last = max((p.line for p in seed.places.values() if p.line < line.start), default=1)
        yield seed.put_lines("indentation broken", "one more", line, f" {text}", owners | {last})
        if pad:
            yield seed.put_lines("indentation broken", "one less", line, text[1:], owners | {last})
            yield seed.put_lines(
                "indentation broken",
                "none",
                line,
                text.lstrip(" "),
                owners | {last} | seed.uses("steps", "chains"),
            )


@kind("a tab", NEXT)
def tab(seed: Seed) -> Iterator[Mutant]:
    for line in spaced(seed):
        text = seed.lines(line)
        if text.startswith("  "):
            yield seed.put_lines("a tab", "for the indentation", line, "\t" + text.lstrip(" "), around(line))


@kind("a colon left out", NEXT)
def colon(seed: Seed) -> Iterator[Mutant]:
    for line in spaced(seed):
        text = seed.lines(line)
        before, found, after = text.partition(": ")
        if found:
            yield seed.put_lines(
                "a colon left out", "no colon", line, f"{before} {after}", around(line) | seed.home(()) | {1}
            )
            yield seed.put_lines(
                "a colon left out", "no space", line, f"{before}:{after}", around(line) | seed.home(()) | {1}
            )


@kind("a bracket too few or too many", NEXT)
def bracket(seed: Seed) -> Iterator[Mutant]:
    for line in spaced(seed):
        text = seed.lines(line)
        for mark in "{}[]":
            at = text.find(mark)
            if at >= 0:
                new = text[:at] + text[at + 1 :]
                yield seed.put_lines(
                    "a bracket too few or too many", f"without {mark}", line, new, around(line)
                )
                new = text[:at] + mark + text[at:]
                yield seed.put_lines("a bracket too few or too many", f"two {mark}", line, new, around(line))


@kind("a quote that is not closed")
def quote(seed: Seed) -> Iterator[Mutant]:
    for at, place in enumerate(scalars(seed)):
        yield seed.put(
            "a quote that is not closed", place.node, f"{chr(34) if at % 2 else chr(39)}{place.scalar}"
        )


@kind("a comma left out", NEXT)
def comma(seed: Seed) -> Iterator[Mutant]:
    for line in spaced(seed):
        text = seed.lines(line)
        if "{" in text and ", " in text:
            yield seed.put_lines(
                "a comma left out", "no comma", line, text.replace(", ", " ", 1), around(line)
            )
            yield seed.put_lines(
                "a comma left out", "two commas", line, text.replace(", ", ", , ", 1), around(line)
            )


@kind("anchors, aliases, tags or merge keys")
def features(seed: Seed) -> Iterator[Mutant]:
    for at, place in enumerate(scalars(seed)):
        for more in (0, 4):
            new = ("&a {}", "*a", "!!str {}", "!!python/name:os.system {}", "!x {}", "&b {}")[(at + more) % 6]
            yield seed.put("anchors, aliases, tags or merge keys", place.node, new.format(place.scalar))
    for step in seed.steps():
        if seed.places[step].scalar is None and seed.below(*step)[0].flow:
            yield seed.with_entry(
                "anchors, aliases, tags or merge keys", (*step, seed.kind_of(step)), "<<: {a: 1}"
            )


@kind("a key twice")
def twice(seed: Seed) -> Iterator[Mutant]:
    for path, place in seed.places.items():
        if path and place.key is not None and place.scalar is not None and ": " not in place.scalar:
            if seed.places[path[:-1]].flow:
                yield seed.with_entry(
                    "a key twice", path[:-1], f"{path[-1]}: {place.scalar}", seed.home(path)
                )
            else:
                lines = seed.block(path)
                pad = " " * place.key.start_mark.column
                new = f"{pad}{path[-1]}: {place.scalar}\n"
                yield seed.put_lines("a key twice", str(path[-1]), range(lines.stop, lines.stop), new, lines)


@kind("a character that cannot be seen", LATER)
def unseen(seed: Seed) -> Iterator[Mutant]:
    for at, place in enumerate(scalars(seed)):
        new = ("\x07", "\u202e", "\u200b", "\ufeff", "\x1b", "\xa0", "\u2028")[at % 7]
        right = seed.readers(str(place.path[1])) if place.path[0] == "inputs" else set()
        yield seed.put(
            "a character that cannot be seen",
            place.node,
            f"{place.scalar}{new}",
            seed.home(place.path),
            right,
        )


@kind("text that does not belong there", NEXT)
def stray(seed: Seed) -> Iterator[Mutant]:
    for at, line in enumerate(spaced(seed)):
        new = (
            "---\n",
            "...\n",
            "<<<<<<< HEAD\n",
            "%YAML 1.1\n",
            "stray\n",
            "? a\n",
            "- a\n",
            ": a\n",
            "'\n",
            "}\n",
        )[at % 10]
        after = range(line.stop, line.stop)
        yield seed.put_lines(
            "text that does not belong there", new.strip(), after, new, around(line) | {line.stop + 1}
        )
