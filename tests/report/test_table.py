"""What `show` prints. Numbers are compared with the graph, and one table in full."""

import io
import textwrap

import pytest

import vla_compose
from vla_compose.api import compose
from vla_compose.check.infer import infer
from vla_compose.report import table
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

SPEC = """
spec_version: 1
name: mine
summary: "A [red]small[/red] one."
dims: {vision: 8, text: 16}
inputs:
  x: b (h w) vision
  size: {sizes: h w, default: [4, 6]}
steps:
  - residual:
      - norm: {name: ln}
      - linear: {name: deep, out: same}
  - to_map
  - conv2d: {name: conv, out: 1200, kernel: 2, stride: 2}
  - to_tokens
  - linear: {name: proj, out: text}
unused: {spare: text}
variants:
  big: {text: 32}
"""


def graph(source=SPEC, **dims):
    return infer(load_spec(read_text(source)), dims)


def test_the_whole_table():
    assert table.render(table.describe(graph(), "big")) == textwrap.dedent(
        """\
        mine (big)
          summary    A [red]small[/red] one.
          dims       vision 8, text 16
          variants   big

        inputs
          name   type                         size
          x      b (h w) vision               b h*w 8
          size   integers h w (default 4 6)

        steps, from x
          step            type after it        size                   parameters
          residual        b (h w) vision       b h*w 8
            norm ln       b (h w) vision       b h*w 8                        16
            linear deep   b (h w) vision       b h*w 8                        72
          to_map          b vision h w         b 8 h w
          conv2d conv     b 1200 h//2 w//2     b 1200 h//2 w//2           39,600
          to_tokens       b (h//2 w//2) 1200   b (h//2)*(w//2) 1200
          linear proj     b (h//2 w//2) text   b (h//2)*(w//2) 16         19,216
          unused spare                                                        16

        outputs
          name     type                 size                 tokens in -> out
          tokens   b (h//2 w//2) text   b (h//2)*(w//2) 16   h*w -> (h//2)*(w//2)

        at run time
          h is at least 2 (kernel of `conv`)
          w is at least 2 (kernel of `conv`)

        total
          parameters   58,920
          memory       115.1 KiB in bf16, 230.2 KiB in fp32
          FLOPs        128*b*h*w + 115,200*b*(h//2)*(w//2) (of matrix products)
        """
    )


def cells(sections, title):
    return next(section.rows for section in sections if section.title.startswith(title))


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_the_parameters_of_the_rows_add_up(name):
    checked = compose(name)
    sections = table.describe(checked)
    rows = [
        (section, row, chain)
        for section, chain in zip([s for s in sections if "step" in s.header], checked.chains, strict=True)
        for row in section.rows
    ]
    own = [(row, chain) for _, row, chain in rows if row[3]]
    # The steps of a repeated layer are listed below it for one layer; the layer itself counts them all.
    deep = {id(row) for section, _, _ in rows for row in _below_repeat(section.rows)}
    total = sum(int(row[3].replace(",", "")) * chain.copies for row, chain in own if id(row) not in deep)
    assert total == checked.parameters()
    assert cells(sections, "total")[0] == ("parameters", f"{checked.parameters():,}")


def _below_repeat(rows):
    inside = None
    for row in rows:
        depth = len(row[0]) - len(row[0].lstrip())
        if inside is not None and depth > inside:
            yield row
            continue
        inside = depth if row[0].lstrip().startswith("repeat ") else None


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_a_pipe_gets_no_boxes_and_nothing_is_cut(name):
    checked = compose(name)
    text = table.render(table.describe(checked))
    assert all(line == line.rstrip() for line in text.splitlines())
    assert not set(text) & set("│─╭…")
    for chain in checked.chains:
        for node in chain.nodes:
            assert str(node.after) in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_a_terminal_wraps_and_cuts_nothing(name, width):
    from rich.console import Console

    stream = io.StringIO()
    sections = table.describe(compose(name))
    Console(file=stream, width=width, highlight=False).print(table.styled(sections))
    shown = stream.getvalue()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    letters = sum(
        char.isalnum() for section in sections for row in section.rows for cell in row for char in cell
    )
    titles = sum(
        char.isalnum() for section in sections for cell in (section.title, *section.header) for char in cell
    )
    assert sum(char.isalnum() for char in shown) == letters + titles


def test_dims_of_a_variant_are_put_in():
    rows = cells(table.describe(graph(text=32)), "steps")
    assert rows[-2] == ("linear proj", "b (h//2 w//2) text", "b (h//2)*(w//2) 32", "38,432")


def test_markup_in_a_spec_stays_text():
    from rich.console import Console

    stream = io.StringIO()
    Console(file=stream, width=80).print(table.styled(table.describe(graph())))
    assert "A [red]small[/red] one." in stream.getvalue()


def test_a_residual_costs_what_is_inside_it():
    inside = "  - linear: {name: deep, out: same}\n"
    plain = SPEC.replace("  - residual:\n      - norm: {name: ln}\n    " + inside, inside)
    assert plain != SPEC
    assert cells(table.describe(graph(plain)), "total")[2] == cells(table.describe(graph()), "total")[2]


def test_a_flag_has_one_cost_a_route():
    total = {row[0]: row[1] for row in table.describe(compose("granite-docling"))[-1].rows}
    assert total["FLOPs, not fine"].startswith("2,097,152*b*fine_size*fine_size + 6,845,104,128*b")
    assert total["FLOPs, fine"].startswith("2,097,152*b*fine_size*fine_size + 8,053,063,680*b")
