"""What becomes of a mutant: `check` rejects it, at some line, or it is built, run and compared."""

from __future__ import annotations

import linecache
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from unittest.mock import patch

import torch

import vla_compose
from tests.mutation.seeds import Mutant
from tests.mutation.sizes import NoSizes, Sample, arguments, chosen, device_of, sample, wrong_output
from vla_compose import compiled
from vla_compose.check.graph import Graph
from vla_compose.spec.inputs import FlagInput, SizesInput, TensorInput
from vla_compose.spec.model import Spec
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

REJECTED, EXACT, WRONG = "rejected", "accepted and exact", "wrong"


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. `why` says what is wrong with the checker, or with the place of its report."""

    mutant: Mutant
    outcome: str
    errors: int = 0
    right_line: bool = True
    at_fault: bool = True
    why: str = ""


def judge(mutant: Mutant) -> Verdict:
    """Check one mutant, and run it when the checker accepts it."""
    try:
        found = vla_compose.check(mutant.text)
    except Exception as error:
        return Verdict(mutant, WRONG, why=f"check raised {type(error).__name__}: {error}")
    if found:
        first = found[0]
        line = first.span.line if first.span else 0
        messages = "; ".join(f"{d.span.line if d.span else 0}: {d.message}" for d in found)
        right, at_fault = line in mutant.right, line in mutant.touched
        return Verdict(mutant, REJECTED, len(found), right, at_fault, messages)
    try:
        spec = load_spec(read_text(mutant.text))
        seen: list[dict[str, int]] = []
        for variant in (None, *spec.variants):
            graph = vla_compose.compose(spec, variant=variant)
            if dict(graph.values) not in seen:
                seen.append(dict(graph.values))
                run(spec, variant, graph)
    except NoSizes as error:
        return Verdict(mutant, WRONG, why=f"no sizes: {error}")
    except Exception as error:
        return Verdict(mutant, WRONG, why=f"{type(error).__name__}: {error}")
    finally:
        forget()
    return Verdict(mutant, EXACT)


def run(spec: Spec, variant: str | None, graph: Graph) -> None:
    """Build a module and call it in every way that differs; raises when something is not as inferred."""
    found = sample(graph)
    device = device_of(graph, found)
    if device == "meta" and not torch.compiler.is_compiling():
        # No numbers, so that nothing may look at one, as when a module is traced.
        with patch.multiple(torch.compiler, is_compiling=lambda: True, is_exporting=lambda: True):
            return run(spec, variant, graph)
    module = vla_compose.build(spec, variant=variant, device=device)
    entries = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    if entries != graph.entries():
        raise AssertionError(f"the state dict is {entries}, not {graph.entries()}")
    flags = (False, True) if any(isinstance(v, FlagInput) for v in spec.inputs.values()) else (False,)
    for default in (False, True) if leaves_out(spec) else (False,):
        base = sample(graph, default=default)
        for flag in flags:
            found = replace(base, sizes=dict(base.sizes))
            chosen(graph, found, flag)
            given = arguments(graph, found, flag, device, default=default)
            with torch.no_grad():
                results = module(**given)
            wrong = wrong_output(graph, found, results)
            if wrong:
                raise AssertionError(wrong)


def leaves_out(spec: Spec) -> bool:
    """Whether `forward` can be called without some input."""
    return any(
        (isinstance(v, SizesInput) and v.default) or (isinstance(v, TensorInput) and v.optional)
        for v in spec.inputs.values()
    )


def forget() -> None:
    """Drop generated classes, which would pile up."""
    compiled._CLASSES.clear()
    for name in [name for name in sys.modules if name.startswith(compiled.PREFIX)]:
        module = sys.modules.pop(name)
        linecache.cache.pop(str(module.__file__), None)


@dataclass(frozen=True)
class Row:
    """What became of the mutants of one kind."""

    kind: str
    mutants: int
    rejected: int
    exact: int
    wrong: int
    elsewhere: int
    wrong_line: int
    median: float
    most: float


def row(kind: str, verdicts: list[Verdict]) -> Row:
    """Count the verdicts of a kind."""
    rejected = [v for v in verdicts if v.outcome == REJECTED]
    errors = sorted(v.errors for v in rejected)
    return Row(
        kind,
        len(verdicts),
        len(rejected),
        sum(v.outcome == EXACT for v in verdicts),
        sum(v.outcome == WRONG for v in verdicts),
        sum(v.right_line and not v.at_fault for v in rejected),
        sum(not v.right_line for v in rejected),
        statistics.median(errors) if errors else 0,
        percentile(errors, 0.95) if errors else 0,
    )


def percentile(values: list[int], share: float) -> int:
    """The smallest of sorted values that at least this share does not exceed."""
    return values[max(0, -(-len(values) * round(share * 100) // 100) - 1)]


def table(verdicts: list[Verdict], kinds: Iterable[str]) -> str:
    """The results as a table in Markdown, one row a kind."""
    rows = [row(kind, [v for v in verdicts if v.mutant.kind == kind]) for kind in kinds]
    rows.append(row("all", verdicts))
    lines = [
        "| kind | mutants | rejected | accepted and exact | accepted and wrong | shown elsewhere "
        "| wrong line | errors, median | errors, 95 % |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for r in rows:
        name = f"**{r.kind}**" if r.kind == "all" else r.kind
        counts = [r.mutants, r.rejected, r.exact, r.wrong, r.elsewhere, r.wrong_line]
        shares = [f"{r.median:g}", f"{r.most:g}"] if r.rejected else ["", ""]
        lines.append(f"| {name} | {' | '.join([*map(str, counts), *shares])} |")
    return "\n".join(lines)


__all__ = ["EXACT", "REJECTED", "WRONG", "Sample", "Verdict", "judge", "row", "table"]
