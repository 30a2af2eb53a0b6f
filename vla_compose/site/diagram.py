"""The diagram of a spec: its steps from top to bottom, the type on every edge, and the tokens as they lie."""

from __future__ import annotations

from vla_compose.check.graph import CheckedChain, Edge, Graph, count
from vla_compose.diff import settings
from vla_compose.primitives.base import Node
from vla_compose.report import formula
from vla_compose.site.cells import draw_cells
from vla_compose.site.sketch import Sketch, sketches
from vla_compose.site.svg import MONO, SANS, Drawing, wrap
from vla_compose.spec.model import ROOT, Choice, Origin, names
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType

WIDTH = 360
LINE = 15
EDGE = 62
"""Where the text beside an edge begins."""
BAND = 30
"""The middle of the bands that connect steps."""


def diagram(graph: Graph) -> str:
    """The picture as one `<svg>`; its colours are variables of `adapters.css`."""
    return _Diagram(graph).svg()


class _Diagram:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.drawing = Drawing()
        self.sketches = sketches(graph)
        self.y = 6.0
        types = [edge.type for edge in graph.inputs.values()]
        types += [node.after for checked in graph.chains for node in checked.nodes]
        self.widest = max((w for type_ in types if (w := self._width(type_))), default=1)
        self.cards = len(graph.chains) > 1

    def svg(self) -> str:
        for checked in self.graph.chains:
            self._chain(checked)
        said = "; ".join(
            f"from {checked.chain.source}: {', '.join(node.step.kind for node in checked.nodes)}"
            for checked in self.graph.chains
        )
        name = f"diagram-{self.graph.spec.name.replace('.', '-')}"
        title = f"{self.graph.spec.name}: from patches to tokens"
        return self.drawing.svg(WIDTH, self.y + 10, name, title, said, "vc-diagram")

    def _chain(self, checked: CheckedChain) -> None:
        chain, start, top = checked.chain, len(self.drawing.parts), self.y
        left, right = (10.0, WIDTH - 22.0) if self.cards else (4.0, WIDTH - 4.0)
        if self.cards:
            self.y += 5
            for line in wrap(chain.name if chain.name != ROOT else "steps", 34, 3):
                self.y += LINE
                self.drawing.text(left, self.y, line, "vc-t vc-title")
            if chain.each:
                self.y += LINE
                said = f"{checked.copies} copies, one for each tensor, weights of their own"
                self.drawing.text(left, self.y, said, "vc-t vc-muted")
            self.y += 10
        self._pill(_origin(chain.source), left, "vc-input")
        before = self.sketches.before[chain.name]
        self._edge(checked.before, before, before is not None, right)
        type_ = checked.before.type
        context: tuple[float, float] | None = None
        for node, after in zip(checked.nodes, self.sketches.after[chain.name], strict=True):
            if context is not None and _attends(node):
                self._reads(*context, right - 18, start)
            before_it = self.y - 5
            self._step(node, left, right, 0)
            if "all" in node.step.body.learned():
                context = before_it, self.y + 22
            fresh = after is not None and after != before
            self._edge(Edge(node.after), after, fresh, right, same=node.after == type_)
            before, type_ = after or before, node.after
        said = self._ends(chain.name)
        if said:
            self._pill(said, left, "vc-output")
        for member in checked.unused:
            self.y += 10
            self._box("unused", member.path, "in the checkpoint, never read", "norm", left, right, "")
        if self.cards:
            self.y += 10
            card = Drawing()
            for offset in (10, 5, 0) if chain.each else (0,):
                card.rect(2 + offset, top + offset, WIDTH - 16, self.y - top, "vc-card", radius=10)
            self.drawing.before(start, card)
            self.y += 22 if chain.each else 12

    def _reads(self, context: float, label: float, x: float, below: int) -> None:
        """A line from the tokens that became the context to the step that reads them."""
        line = Drawing()
        line.path(f"M{BAND} {context:.0f}H{x:.0f}V{self.y - 3:.0f}", "vc-line vc-dashed")
        line.path(f"M{x - 5:.0f} {self.y - 8:.0f}l5 6l5-6", "vc-line")
        line.text(x - 8, label, "what they read", "vc-t vc-muted vc-end-text")
        self.drawing.before(below, line)

    def _ends(self, name: str) -> str:
        """What becomes of a chain: the outputs and chains that take it."""
        said = []
        taken = [(c.chain.source, c.chain.name or "steps") for c in self.graph.chains]
        for origin, target in [*((o.source, o.name) for o, _ in self.graph.outputs), *taken]:
            if name not in names(origin):
                continue
            when = ""
            if isinstance(origin, Choice):
                when = f" if {origin.flag}" if origin.then == name else f" if not {origin.flag}"
            said.append(f"{target}{when}")
        return ", ".join(said)

    def _pill(self, text: str, x: float, kind: str) -> None:
        lines = wrap(text, 46, 2)
        width = max(len(line) for line in lines) * MONO + 24
        self.drawing.rect(x, self.y, max(width, 2 * (BAND - x)), 8 + LINE * len(lines), kind, radius=12)
        for at, line in enumerate(lines):
            self.drawing.text(x + 12, self.y + 16 + at * LINE, line, "vc-t vc-code vc-strong")
        self.y += 8 + LINE * len(lines)

    def _edge(
        self, edge: Edge, sketch: Sketch | None, fresh: bool, right: float, *, same: bool = False
    ) -> None:
        """The band to the next box, as wide as the channels, and beside it what flows."""
        type_, top = edge.type, self.y
        if same and not fresh:
            self.y += 14
        else:
            self.y += 7
            columns = int((right - EDGE) / MONO)
            for line in wrap(str(type_), columns):
                self.y += LINE
                self.drawing.text(EDGE, self.y, line, "vc-t vc-code")
            size = formula.size(type_, self.graph.values)
            for line in wrap(times(size), columns):
                self.y += LINE
                self.drawing.text(EDGE, self.y, line, "vc-t vc-code vc-muted")
            if fresh and sketch is not None:
                _, height = draw_cells(self.drawing, sketch, EDGE, self.y + 9)
                self.y += 9 + height
                for line in wrap(sketch.caption, int((right - EDGE) / SANS), 2):
                    self.y += LINE
                    self.drawing.text(EDGE, self.y, line, "vc-t vc-muted")
            self.y += 10
        thick = 3 + 25 * ((self._width(type_) or 1) / self.widest) ** 0.5
        self.drawing.rect(BAND - thick / 2, top, thick, self.y - top, "vc-band", radius=0)

    def _step(self, node: Node, left: float, right: float, depth: int) -> None:
        names_ = getattr(node.step.body, "name", None) or ", ".join(member.path for member in node.members)
        size = sum(count(shape) for member in node.members for _, shape in member.entries())
        number = f"{size:,}" if size else ""
        role = type(node.step.body).drawn
        said = self._settings(node)
        if node.body:
            self._group(node, names_, said, number, left, right, depth)
        else:
            self._box(node.step.kind, names_, said, role, left, right, number)

    def _box(
        self, kind: str, name: str, said: str, role: str, left: float, right: float, number: str
    ) -> None:
        start, top = len(self.drawing.parts), self.y
        self.y += 19
        beside = len(name) * MONO <= right - left - 36 - len(kind) * 8 - len(number) * MONO
        self.drawing.title(left + 12, self.y, kind, name if beside else "")
        if number:
            self.drawing.text(right - 12, self.y, number, "vc-t vc-code vc-end-text")
        for line in [] if beside else wrap(name, int((right - left - 24) / MONO), 3):
            self.y += LINE
            self.drawing.text(left + 12, self.y, line, "vc-t vc-code")
        for line in wrap(said, int((right - left - 24) / SANS), 3):
            self.y += LINE
            self.drawing.text(left + 12, self.y, line, "vc-t vc-muted")
        self.y += 10
        box = Drawing()
        box.rect(left, top, right - left, self.y - top, f"vc-box vc-{role}")
        self.drawing.before(start, box)

    def _group(
        self, node: Node, name: str, said: str, number: str, left: float, right: float, depth: int
    ) -> None:
        """A box around the steps of a step; a residual one shows the way around them."""
        start, top = len(self.drawing.parts), self.y
        residual = type(node.step.body).drawn == "residual"
        self.y += 19
        self.drawing.title(left + 12, self.y, node.step.kind, "" if residual else name)
        if number:
            self.drawing.text(right - 12, self.y, number, "vc-t vc-code vc-end-text")
        for line in wrap(said, int((right - left - 24) / SANS), 2):
            self.y += LINE
            self.drawing.text(left + 12, self.y, line, "vc-t vc-muted")
        self.y += 8
        first = self.y
        inside = left + (22 if residual else 10), right - 8
        for at, inner in enumerate(node.body):
            if at:
                self.y += 6
            self._step(inner, *inside, depth + 1)
        self.y += 10
        if residual:
            x, middle = left + 10, inside[0] + 20
            self.drawing.path(
                f"M{middle:.0f} {first - 4:.0f}H{x:.0f}V{self.y - 1:.0f}H{middle:.0f}", "vc-line"
            )
            self.drawing.text(middle + 5, self.y + 3, "+", "vc-t vc-strong")
            self.y += 8
        box = Drawing()
        box.rect(left, top, right - left, self.y - top, "vc-box vc-group")
        self.drawing.before(start, box)

    def _settings(self, node: Node) -> str:
        """The fields of a step that are not as they are by default, with the numbers that names stand for."""
        said = []
        for name, (value, default) in settings(node.step.body).items():
            if value == default:
                continue
            field = getattr(node.step.body, name, None)
            known = field.substitute(self.graph.values).constant if isinstance(field, Dim) else None
            parts = dict.fromkeys((name, value, str(known) if known is not None else value))
            said.append(" = ".join(parts))
        learned = node.step.body.learned().items()
        said += [f"{place.replace('_', ' ')}: {name}" for place, name in learned if place != "all"]
        return " · ".join(said)

    def _width(self, type_: TensorType) -> int | None:
        return type_.width.substitute(self.graph.values).constant


def _attends(node: Node) -> bool:
    """Whether a step, or one inside it, reads the context."""
    return (type(node.step.body).drawn == "attention" and node.context is not None) or any(
        map(_attends, node.body)
    )


def times(size: str) -> str:
    """A size with the signs of print: `4·n × 1280`."""
    listed, _, rest = size.rpartition(" x ")
    shown = rest.replace(" ", " × ").replace("*", "·")
    return f"{listed} × {shown}" if listed else shown


def _origin(origin: Origin) -> str:
    if isinstance(origin, Choice):
        return f"{origin.then} if {origin.flag}, else {origin.otherwise}"
    return str(origin)
