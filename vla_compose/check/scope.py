"""What a primitive's type rule may ask and tell: values of dims, known sizes, diagnostics, contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from vla_compose.check.graph import Edge, Requirement
from vla_compose.check.sizes import giving, in_order, sized, too_small
from vla_compose.primitives.base import Member, Node, Path, Step
from vla_compose.primitives.fields import SAME, Condition
from vla_compose.spec.faults import Faults
from vla_compose.spec.inputs import GridInput
from vla_compose.spec.model import Spec
from vla_compose.spec.words import nearest
from vla_compose.types.dim import Dim, DimError
from vla_compose.types.tensor import TensorType

MOST_PARAMETERS = 20_000_000_000
"""Numbers that all parameters hold together."""
MOST_ENTRIES = 100_000
"""Entries of the state dict."""


LOCAL = frozenset({"VC201", "VC203", "VC204", "VC206", "VC301", "VC303", "VC305"})
"""Mistakes of one step that leave no doubt about the tokens that it gives."""


class StepFault(Exception):
    """A step does not fit; what was wrong is already reported.

    Args:
        local: whether that leaves no doubt about the tokens that the step gives.
        after: the type after all steps that were run together, where that is certain.
    """

    def __init__(self, local: bool = True, after: TensorType | None = None) -> None:
        super().__init__()
        self.local = local
        self.after = after


class Scope:
    """The surroundings of one step of one chain."""

    def __init__(
        self,
        faults: Faults,
        spec: Spec,
        values: Mapping[str, int],
        edges: Mapping[str, Edge],
        bound: Iterable[str],
        start: tuple[Path, str],
        prefix: str,
    ) -> None:
        self.faults = faults
        self.spec = spec
        self.values = values
        self.edges = edges
        self.bound = set(bound)
        self.runtime = {name for edge in edges.values() for name in edge.type.symbols()} | self.bound
        self.width_origin = start
        self.prefix = prefix
        self.context: TensorType | None = None
        self.requirements: list[Requirement] = []
        self.used: list[str] = []
        self.names: dict[str, Path] = {}
        self.skipped: set[str] = set()
        self.clashed = False
        self.path: Path = ()
        self.node: Node

    def fail(
        self,
        code: str,
        message: str,
        *at: str | int,
        help: str | None = None,
        why: bool = False,
        key: bool = False,
        found: str | None = None,
        expected: str | None = None,
    ) -> NoReturn:
        """Report a mistake of the current step and end it.

        Args:
            at: the field, below the step; the step itself when empty.
            why: also point at the step that set the number of channels.
        """
        self.report(code, message, *at, help=help, why=why, key=key, found=found, expected=expected)
        raise StepFault(code in LOCAL)

    def give_up(self) -> NoReturn:
        """End the current step without a word: what is wrong with it was reported at its cause."""
        raise StepFault

    def doubtful(self, names: Iterable[str]) -> bool:
        """Whether one of these names is missing only because of a mistake that was reported."""
        dims = self.spec.dims
        return any(self.faults.doubtful(name, () if name in dims else dims) for name in names)

    def report(
        self,
        code: str,
        message: str,
        *at: str | int,
        help: str | None = None,
        why: bool = False,
        key: bool = False,
        found: str | None = None,
        expected: str | None = None,
    ) -> None:
        """Report a mistake of the current step and go on."""
        labels = [self.width_origin] if why else []
        self.faults.add(
            code,
            message,
            (*self.path, *at),
            key=key or not at,
            help=help,
            labels=labels,
            found=found,
            expected=expected,
        )

    def value(self, dim: Dim, *at: str | int, least: int = 1) -> int:
        """The integer that `dim` is for these dims; a diagnostic when it is none, or too small."""
        resolved = self.resolve(dim, *at)
        if resolved.constant is None:
            names = ", ".join(f"`{name}`" for name in sorted(resolved.symbols()))
            help = "use numbers and dims only"
            self.fail(
                "VC206", f"{names} is not known before run time, but a weight depends on it", *at, help=help
            )
        if resolved.constant < least:
            message, help = too_small(at[-1] if at else dim, resolved.constant, dim, least)
            self.fail("VC204", message, *at, help=help)
        return resolved.constant

    def resolve(self, dim: Dim, *at: str | int) -> Dim:
        """`dim` with the values of dims put in."""
        unknown = sorted(dim.symbols() - self.values.keys() - self.runtime)
        if self.doubtful(unknown):
            self.give_up()
        if unknown:
            if unknown[0] == SAME:
                message = "`same` stands for channels in fields that set a width, and nowhere else"
                self.fail("VC305", message, *at, help="name a dim")
            message, help = self.no_size(unknown[0])
            self.fail("VC305", message, *at, help=help)
        try:
            return dim.substitute(self.values)
        except DimError as error:
            self.fail(
                "VC204", f"`{dim}` has no value: {error}", *at, help="change the dims or the expression"
            )

    def no_size(self, name: str) -> tuple[str, str]:
        """A message and a help for a name that is no size."""
        near = nearest(name, [*self.values, *self.runtime, SAME])
        help = f"write `{near}`" if near else f"add `{name}` to `dims`"
        return f"`{name}` is no dim and no size of an input", help

    def width(self, dim: Dim, x: TensorType, *at: str | int) -> Dim:
        """A width given in a field, where `same` is the number of incoming channels."""
        given = dim.substitute({SAME: x.width})
        self.value(given, *at)
        return given

    def holds(self, condition: Condition) -> bool:
        """Whether a `when` condition holds for these dims."""
        left, right = self.resolve(condition.left, "when"), self.resolve(condition.right, "when")
        unknown = sorted(left.symbols() | right.symbols())
        if unknown:
            message = f"`{unknown[0]}` is not known before run time, but decides which steps there are"
            self.fail("VC206", message, "when", help="use numbers and dims only")
        return (left == right) is condition.equal

    def fresh(self, name: str) -> str:
        """The name of a new run-time size: the one given, unless it is taken."""
        unique, number = name, 2
        while unique in self.values or unique in self.runtime:
            unique, number = f"{name}_{number}", number + 1
        self.runtime.add(unique)
        return unique

    def equal(self, left: Dim, right: Dim) -> bool:
        """Whether two sizes are equal for these dims and every run-time size."""
        return left.substitute(self.values) == right.substitute(self.values)

    def known(self, *dims: Dim) -> None:
        """Demand that sizes can be computed at run time from what `forward` is given."""
        names = {name for dim in dims for name in dim.substitute(self.values).symbols()}
        missing = [name for name in sorted(names) if name not in self.bound]
        if self.doubtful(missing):
            self.give_up()
        if missing:
            text = " and ".join(f"`{name}`" for name in missing)
            message = f"{text} must be known at run time, but no input gives it a value"
            self.fail("VC207", message, help=giving(names, self.spec.inputs, self.edges, self.faults))

    def require(self, size: Dim, *, multiple_of: int = 1, at_least: int = 0, why: str) -> None:
        """Demand something of a size; what cannot be proven becomes a run-time contract."""
        resolved = size.substitute(self.values)
        if multiple_of > 1 and not resolved.divisible_by(multiple_of):
            if resolved.constant is not None:
                message = f"{sized(size, resolved)} is not a multiple of {multiple_of} ({why})"
                near = max(1, resolved.constant // multiple_of) * multiple_of
                self.fail("VC203", message, help=f"make it a multiple of {multiple_of}, such as {near}")
            self._contract(Requirement(resolved, multiple_of=multiple_of, why=why))
        if at_least > 1:
            if resolved.constant is not None and resolved.constant < at_least:
                message = f"{sized(size, resolved)} is less than {at_least} ({why})"
                self.fail("VC203", message, help=f"make it at least {at_least}")
            if resolved.constant is None:
                self._contract(Requirement(resolved, at_least=at_least, why=why))

    def contract(self, text: str, why: str) -> None:
        """State something about the data that the step enforces when it runs."""
        self._contract(Requirement(Dim.of(0), why=why, text=text))

    def _contract(self, requirement: Requirement) -> None:
        key = (requirement.size, requirement.multiple_of, requirement.at_least, requirement.text)
        if all((r.size, r.multiple_of, r.at_least, r.text) != key for r in self.requirements):
            self.requirements.append(requirement)

    def side(self, name: str, *at: str | int) -> Edge:
        """A tensor that a step reads beside the stream, such as a mask."""
        edge = self.edges.get(name)
        if edge is None and self.doubtful([name]):
            self.give_up()
        if edge is None:
            near = nearest(name, self.edges)
            help = f"write `{near}`" if near else f"add `{name}` to `inputs`"
            self.fail("VC303", f"there is no input `{ascii(name)[1:-1]}`", *at, help=help)
        if edge.each is not None:
            message = f"`{name}` is a list of {edge.each} tensors, but one is needed"
            self.fail("VC205", message, *at, help="name an input that is one tensor")
        if name not in self.used:
            self.used.append(name)
        return edge

    def grid(self, symbols: Iterable[str]) -> str:
        """The grid input that gives these sizes for every image."""
        wanted = set(symbols)
        for name, value in self.spec.inputs.items():
            if isinstance(value, GridInput) and wanted <= set(value.names):
                self.loops(name, self.node.step.kind)
                return name
        if self.doubtful(wanted):
            self.give_up()
        sizes = " ".join(in_order(wanted, self.edges))
        help = f"add the input `{self.faults.free('grid')}: {{grid: {sizes}}}`"
        self.fail("VC207", f"no input gives `{sizes}` for every image", help=help)

    def loops(self, grid: str, why: str) -> None:
        """State that a step runs a loop over the rows of a grid, which tracing cannot follow."""
        text = f"a loop over the rows of `{grid}`, which `torch.compile` and `torch.export` may not follow"
        self.contract(text, why)

    def grid_named(self, name: str, columns: Sequence[str], *at: str | int) -> None:
        """Demand a grid input of that name with these columns."""
        value = self.spec.inputs.get(name)
        if value is None and self.doubtful([name]):
            self.give_up()
        if not isinstance(value, GridInput):
            near = nearest(name, [n for n, v in self.spec.inputs.items() if isinstance(v, GridInput)])
            help = f"write `{near}`" if near else f"add the input `{name}: {{grid: {' '.join(columns)}}}`"
            self.fail("VC303", f"there is no grid input `{ascii(name)[1:-1]}`", *at, help=help)
        if value.names != list(columns):
            message = f"the columns of `{name}` are `{value.grid}`, but `{' '.join(columns)}` are needed"
            self.fail("VC205", message, *at, help=f"write `{name}: {{grid: {' '.join(columns)}}}`")
        self.loops(name, self.node.step.kind)

    def child(self, name: str) -> Scope:
        """The surroundings of steps that make a class of their own, with names of their own."""
        edges, start = self.edges, self.width_origin
        inner = Scope(self.faults, self.spec, self.values, edges, self.bound, start, f"{self.prefix}.{name}")
        inner.context, inner.requirements, inner.used, inner.path = (
            self.context,
            self.requirements,
            self.used,
            self.path,
        )
        return inner

    def run(self, steps: Iterable[Step], x: TensorType, body: list[Node]) -> TensorType:
        """Check steps one after another, and keep what was found in `body`.

        Raises:
            StepFault: some step has a mistake; what could be checked of the others was.
        """
        from vla_compose.check.steps import run  # it needs this class

        return run(self, steps, x, body)

    def register(self, members: Iterable[Member]) -> None:
        for member in members:
            if member.path.rpartition(".")[2].isdigit() and member.code.startswith(
                ("nn.Parameter(", "nn.Buffer(")
            ):
                message = f"`{member.path}` ends with a number, which no parameter can have as its name"
                self.fail("VC109", message, "name", help="end the name with a letter")
            names = [*(name for name, _ in member.entries()), member.path]
            for name in names:
                owner = next((at for known, at in self.names.items() if overlap(known, name)), None)
                if owner is not None:
                    self._twice(name, member.path, self.path, owner)
                    raise StepFault
            self.names[member.path] = self.path

    def claim(self, step: Step) -> None:
        """Report the names of a step that another one has, when what it registers is not known."""
        for name in step.body.names():
            owner = next((at for known, at in self.names.items() if overlap(known, name)), None)
            if owner is None:
                self.names[name] = step.path
            elif owner != step.path:
                self._twice(name, name, step.path, owner)

    def _twice(self, name: str, member: str, path: Path, owner: Path) -> None:
        self.clashed = True
        message = f"the name `{name}` is used twice"
        labels = [((*owner, "name"), "first used here")]
        help = f"rename one of them, for example `{member}_2`"
        self.faults.add("VC301", message, (*path, "name"), labels=labels, help=help)


def overlap(left: str, right: str) -> bool:
    """Two entries cannot live together when one is a prefix of the other."""
    return left == right or left.startswith(f"{right}.") or right.startswith(f"{left}.")
