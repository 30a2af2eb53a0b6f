"""The page of one spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vla_compose.api import compose
from vla_compose.check.graph import CheckedChain, Graph, count
from vla_compose.check.routes import contracts
from vla_compose.diff import Difference, difference, distance
from vla_compose.lower.module import source
from vla_compose.primitives.base import Node
from vla_compose.report import formula
from vla_compose.report.table import describe_input
from vla_compose.site.calculator import calculator
from vla_compose.site.diagram import diagram, times
from vla_compose.site.escape import block, code, data, escape, link, prose
from vla_compose.site.escape import table as plain_table
from vla_compose.site.facts import Facts, facts, flat
from vla_compose.site.form import USUAL, Start, form
from vla_compose.spec.model import ROOT, Spec

MARK = "# made by vla-compose docs"
"""A line at the start of every page: files without it are never replaced."""
HEAD = f"---\n{MARK}\nhide: [toc]\n---"
RELATIVES = 3
MOST_NAMES = 400
FOUND = frozenset({"Steps", "Spec", "At run time"})
"""Sections that the search of a site finds; every page loads its index, so what repeats them stays out."""
LEGEND = {
    "map": "maps channels",
    "norm": "norm",
    "convolution": "convolution",
    "merge": "folds tokens",
    "order": "reorders",
    "tokens": "learned tokens",
    "attention": "attention",
}


@dataclass(slots=True)
class Adapter:
    """A spec with what several pages need of it."""

    spec: Spec
    graph: Graph
    facts: Facts
    parity: Sequence[Mapping[str, Any]] = ()
    start: Start = USUAL
    variants: dict[str, Graph] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the spec, which is that of its page."""
        return self.spec.name


def adapter(spec: Spec, parity: Sequence[Mapping[str, Any]] = (), start: Start = USUAL) -> Adapter:
    """Check a spec for its own dims and those of each variant; its calculator starts with `start`.

    Raises:
        SpecError: the spec has mistakes.
    """
    graph = compose(spec)
    variants = {name: compose(spec, variant=name) for name in spec.variants}
    return Adapter(spec, graph, facts(graph), parity, start, variants)


def page(shown: Adapter, others: Sequence[Adapter], primitives: str) -> str:
    """The page of a spec as Markdown. Its nearest relatives are found among `others`."""
    parts = [HEAD, f"# {escape(shown.name)}"]
    if shown.spec.summary:
        parts.append(escape(shown.spec.summary))
    sections = {
        "Steps": [*_steps(shown.graph, primitives)],
        "Spec": [block(shown.spec.text, "yaml")],
        "PyTorch source": [_source(shown.graph)],
        "Sizes": [_sizes(shown)],
        "State dict": [*_names(shown)],
        "Parity": [*_parity(shown.parity)] if shown.parity else [],
        "At run time": [_run_time(shown.graph)],
        "Differs from": [*_relatives(shown, others)],
    }
    sections = {title: found for title, found in sections.items() if found}
    jumps = " · ".join(
        f"[{title}](#{title.lower().replace(' ', '-')})" for title in ("Calculator", *sections)
    )
    parts += [" · ".join((*_links(shown.spec), jumps)), _sheet(shown)]
    for title, found in sections.items():
        parts += [f"## {title}" if title in FOUND else f"## {title} {{ data-search-exclude }}", *found]
    return "\n\n".join(part for part in parts if part) + "\n"


def _links(spec: Spec) -> list[str]:
    known = (("Paper", spec.sources.paper), ("Original code", spec.sources.code))
    return [link(text, address) for text, address in known if address]


def glance(shown: Adapter) -> list[tuple[str, str]]:
    """What to know at a glance, in the same order for every spec."""
    found = shown.facts
    return [
        ("family", found.family),
        ("tokens", found.tokens.replace("*", "·")),
        ("patches per token", found.patches_per_token),
        ("order of tokens in", found.order),
        ("learned tokens", ", ".join(found.learned) or "none"),
        ("attention", "yes" if found.attention else "no"),
        ("needs the grid", "yes" if found.grid else "no"),
        ("parameters", f"{found.parameters:,}"),
        ("weights in bf16", formula.memory(2 * found.parameters)),
        ("dims", ", ".join(f"{name} {value:,}" for name, value in shown.graph.values.items())),
    ]


def _sheet(shown: Adapter) -> str:
    """The diagram, and beside it what to know at a glance."""
    graph = shown.graph
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in glance(shown))
    drawn = {type(node.step.body).drawn for checked in graph.chains for node in flat(checked.nodes)}
    keys = "".join(
        f'<span class="vc-key-{role}">{text}</span>' for role, text in LEGEND.items() if role in drawn
    )
    note = (
        '<p class="vc-legend">Numbers are places in the tensor. A colour follows a cell of an example image; '
        "the width of a band is the number of channels.</p>"
    )
    about = (
        f'<div class="vc-about"><dl class="vc-facts">{listed}</dl><p class="vc-legend">{keys}</p>{note}</div>'
    )
    figure = f'<figure class="vc-figure">{diagram(graph)}</figure>'
    cost = f'<div class="vc-cost"><h2 id="calculator">Calculator</h2>{_calculator(shown)}</div>'
    return f'<div class="vc-sheet">{about}{figure}{cost}</div>'


def _steps(graph: Graph, primitives: str) -> Iterator[str]:
    rows = [
        [code(name), code(type_), code(times(size)) if size else ""]
        for name, type_, size in (describe_input(graph, name) for name in graph.spec.inputs)
    ]
    yield table(("input", "type", "size"), rows)
    for checked in graph.chains:
        chain = checked.chain
        title = "Steps" if chain.name == ROOT else f"Chain {code(chain.name)}"
        said = f"{title}, from {code(str(chain.source))}"
        if chain.each:
            said += f": {checked.copies} copies, one for each tensor, with weights of their own"
        yield f"{said}."
        yield _chain(graph, checked, primitives)


def _chain(graph: Graph, checked: CheckedChain, primitives: str) -> str:
    rows = [*_rows(graph, checked.nodes, primitives, 0)]
    rows += [
        [f"unused {code(member.path)}", "", f"{sum(count(s) for _, s in member.entries()):,}", ""]
        for member in checked.unused
    ]
    header = ("step", "type and size after it", "parameters", "FLOPs")
    return table(header, rows, (2,))


def _rows(graph: Graph, nodes: Sequence[Node], primitives: str, depth: int) -> Iterator[list[str]]:
    for node in nodes:
        named = getattr(node.step.body, "name", None) or ", ".join(member.path for member in node.members)
        size = sum(count(shape) for member in node.members for _, shape in member.entries())
        cost = "" if node.flops == 0 else code(formula.cost([node.flops]).replace("*", "·"))
        yield [
            f"{'&#8195;' * depth}[{escape(node.step.kind)}]({primitives.format(node.step.kind)})"
            f" {code(named) if named else ''}".rstrip(),
            f"{code(str(node.after))}<br>{code(times(formula.size(node.after, graph.values)))}",
            f"{size:,}" if size else "",
            cost,
        ]
        yield from _rows(graph, node.body, primitives, depth + 1)


def _calculator(shown: Adapter) -> str:
    choices = [calculator(shown.graph, "as in the spec")]
    choices += [calculator(graph, name) for name, graph in shown.variants.items()]
    formulas = {"name": shown.name, "choices": choices}
    about = (
        "<p>What an image costs, by the formulas of the types. Its sides are rounded to whole cells of "
        "patches. The size of a patch, and how many pixels a model allows, are up to its vision encoder: "
        "enter its numbers.</p>"
    )
    about = about if choices[0]["mode"] == "patches" else ""
    fields = form(formulas, shown.start)
    return f'{about}<div class="vc-calculator vc-form">{fields}{data(formulas, "vc-data")}</div>'


def _source(graph: Graph) -> str:
    text = block(source(graph), "python")
    return (
        '<details class="vc-source" markdown="1"><summary>The module that <code>build</code> runs, as '
        f"<code>eject</code> prints it</summary>\n\n{text}\n\n</details>"
    )


def _sizes(shown: Adapter) -> str:
    dims = list(shown.graph.values)
    graphs = {"as in the spec": shown.graph, **shown.variants}
    rows = [
        [
            code(name) if name in shown.variants else escape(name),
            *(f"{graph.values[dim]:,}" for dim in dims),
            f"{graph.parameters():,}",
            formula.memory(2 * graph.parameters()),
            formula.memory(4 * graph.parameters()),
        ]
        for name, graph in graphs.items()
    ]
    header = ("size", *map(code, dims), "parameters", "in bf16", "in fp32")
    return table(header, rows, range(1, len(header)))


def _names(shown: Adapter) -> Iterator[str]:
    entries = shown.graph.entries()
    layouts = list(shown.spec.layouts.values())
    if not entries:
        yield "It has no parameters."
        return
    yield f"{len(entries):,} tensors, {shown.facts.parameters:,} numbers."
    rows = [
        [
            code(name),
            code(" × ".join(f"{size:,}" for size in shape)),
            *(code(layout.there(name)) for layout in layouts),
        ]
        for name, shape in entries[:MOST_NAMES]
    ]
    header = ["name", "shape", *(f"in {code(layout.name)}" for layout in layouts)]
    text = table(header, rows)
    if len(entries) > 24:
        text = f'<details markdown="1"><summary>All names</summary>\n\n{text}\n\n</details>'
    yield text
    if len(entries) > MOST_NAMES:
        yield f"And {len(entries) - MOST_NAMES:,} more."
    if layouts:
        yield f"In released checkpoints they have the names of {' and '.join(code(n.name) for n in layouts)}."


def _parity(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        [
            code(entry["original"]),
            escape(", ".join(f"{name} {size}" for name, size in entry["dims"].items())),
            escape(", ".join(case.replace("_", " ") for case in entry["cases"])),
            escape(", ".join(entry["dtypes"])),
            escape(entry["result"]),
        ]
        for entry in found
    ]
    yield "Outputs and all gradients are compared by the test suite, on random weights and inputs."
    yield table(("original", "dims", "geometries", "dtypes", "result"), rows)
    versions = dict(pair for entry in found for pair in entry["versions"].items())
    yield f"With {', '.join(f'{escape(name)} {escape(version)}' for name, version in versions.items())}."


def _run_time(graph: Graph) -> str:
    lines = [*contracts(graph), *graph.notes]
    return "\n".join(f"- {prose(line)}" for line in lines) or "No contract: any size of the types above runs."


def _relatives(shown: Adapter, others: Sequence[Adapter]) -> Iterator[str]:
    """The nearest other specs, with what turns each into this one."""
    found = [(other, difference(other.graph, shown.graph)) for other in others if other.name != shown.name]
    found.sort(key=lambda pair: (distance(pair[1]), pair[0].name))
    for other, changes in found[:RELATIVES]:
        name = escape(other.name)
        yield f"### [{name}]({other.name}.md) {{ data-search-exclude }}"
        yield changes_list(changes) if changes else "Nothing but names."
        pair = f'data-a="{name}" data-b="{escape(shown.name)}"'
        yield f'<span class="vc-compare" {pair}>[Compare side by side](compare.md)</span>'


def table(header: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[int] = ()) -> str:
    """A table whose code is never broken: what is too wide is scrolled."""
    header = list(header)
    about = f'role="group" aria-label="Table of {header[0]}" tabindex="0"'
    return f'<div class="vc-table" {about} markdown="1">\n\n{plain_table(header, rows, right)}\n\n</div>'


def changes_list(changes: Sequence[Difference]) -> str:
    """Differences as a list."""
    items = "".join(f'<li class="vc-{change.kind}">{escape(str(change))}</li>' for change in changes)
    return f'<ul class="vc-changes">{items}</ul>'
