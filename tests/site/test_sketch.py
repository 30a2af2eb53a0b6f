"""Sketches show as many tokens as the types say, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

import vla_compose
from vla_compose.site.sketch import Sketch, sketches
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text


def numbers(sketch: Sketch | None) -> list[list[int]]:
    """The numbers of a sketch of one grid, row by row."""
    assert sketch is not None
    (part,) = [part for part in sketch.parts if part.rows > 1 or len(sketch.parts) == 1]
    rows: list[list[int]] = [[-1] * part.columns for _ in range(part.rows)]
    for cell in part.cells:
        rows[cell.row][cell.column] = cell.number
    return rows


def roles(sketch: Sketch | None) -> list[str]:
    """The roles in the order of the sequence."""
    assert sketch is not None
    cells = [cell for part in sketch.parts for cell in part.cells]
    return [cell.role for cell in sorted(cells, key=lambda cell: cell.number)]


def test_blocks_lie_one_after_another() -> None:
    found = sketches(vla_compose.compose("qwen2-vl"))
    assert numbers(found.inputs["x"])[:2] == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]
    assert numbers(found.outputs["tokens"]) == [[0, 1, 2], [3, 4, 5]]


def test_windows_lie_one_after_another() -> None:
    found = sketches(vla_compose.compose("qwen2.5-vl"))
    assert numbers(found.outputs["tokens"]) == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_rows_and_learned_tokens() -> None:
    found = sketches(vla_compose.compose("hunyuan-ocr"))
    assert numbers(found.inputs["x"])[1] == [6, 7, 8, 9, 10, 11]
    row = ["patch"] * 3 + ["newline"]
    assert roles(found.outputs["tokens"]) == ["start", *row, *row, "end"]


def test_pixels_and_frames() -> None:
    paper = Path(__file__).parent.parent / "specs" / "paper"
    for name, frames in (("mistral3", 1), ("muse-glimmer", 2), ("got-ocr2", 1), ("ernie4-5-vl-moe", 2)):
        shipped = name in vla_compose.list_specs()
        found = sketches(vla_compose.compose(name if shipped else paper / f"{name}.yaml"))
        before, after = found.inputs["x"], found.outputs["tokens"]
        assert before is not None
        assert after is not None
        folded = 4 if name == "got-ocr2" else 2
        assert [(part.rows, part.columns) for part in before.parts] == [(2 * folded, 3 * folded)] * frames
        merged = 1 if name == "ernie4-5-vl-moe" else frames
        assert [(part.rows, part.columns) for part in after.parts] == [(2, 3)] * merged


def test_queries_take_the_place_of_tokens() -> None:
    found = sketches(vla_compose.compose("qwen-vl"))
    assert set(roles(found.outputs["tokens"])) == {"query"}
    assert found.outputs["tokens"] is not None
    assert found.outputs["tokens"].more
    assert found.outputs["tokens"].caption == "256 learned queries"


def test_a_colour_follows_a_cell() -> None:
    found = sketches(vla_compose.compose("internvl"))
    after = found.after[""]
    colours = [
        {(cell.row * 2 // part.rows, cell.column * 2 // part.columns): cell.colour for cell in part.cells}
        for sketch in after
        if sketch is not None
        for part in sketch.parts
    ]
    assert all(made == colours[0] for made in colours)
    assert len(set(colours[0].values())) == 4


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_every_number_stands_once(name: str) -> None:
    found = sketches(vla_compose.compose(name))
    drawn = [*found.inputs.values(), *found.before.values(), *found.outputs.values()]
    drawn += [sketch for chain in found.after.values() for sketch in chain]
    made = [sketch for sketch in drawn if sketch is not None]
    assert made
    for sketch in made:
        told = sorted(cell.number for part in sketch.parts for cell in part.cells)
        assert told == list(range(len(told)))


def test_captions_count_in_words() -> None:
    text = """spec_version: 1
name: registers
dims: {d: 4}
inputs: {x: b 5+(s s) d}
steps:
  - linear: {name: fc, out: d}
"""
    sketch = sketches(vla_compose.compose(load_spec(read_text(text)))).inputs["x"]
    assert sketch is not None
    assert sketch.caption == "5 extra tokens, 4 × 4 in rows"
    single = sketches(vla_compose.compose("internvl")).inputs["x"]
    assert single is not None
    assert single.caption.startswith("1 extra token, ")


def test_a_grid_that_is_too_large_has_no_sketch() -> None:
    text = """spec_version: 1
name: large
dims: {d: 4, side: 9}
inputs: {x: b (n side side) d}
steps:
  - linear: {name: fc, out: d}
outputs: {tokens: b (n side side) d}
"""
    sketch = sketches(vla_compose.compose(load_spec(read_text(text)))).inputs["x"]
    assert sketch is None or sum(len(part.cells) for part in sketch.parts) <= 400
