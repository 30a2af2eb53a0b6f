"""Specs by file: those in `specs/good` run, those in `specs/bad` have the mistakes that they name."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import torch

import vla_compose
from tests.check.random_specs import Sample, arguments, chosen, number, samples
from tests.check.test_random_specs import check_shape
from vla_compose.codes import CODES
from vla_compose.types.expression import parse_expression

SPECS = Path(__file__).parent / "specs"
GOOD, BAD = sorted(SPECS.glob("good/*.yaml")), sorted(SPECS.glob("bad/*.yaml"))
EXPECT = re.compile(r"^# expect: (VC\d+) (\d+):(\d+)$", re.M)


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", BAD, ids=name)
def test_bad(path: Path) -> None:
    """Exactly the mistakes that its first lines name, in file order, each with a fix."""
    text = path.read_text("utf-8")
    expected = [(code, int(line), int(column)) for code, line, column in EXPECT.findall(text)]
    assert expected
    found = vla_compose.check(path)
    seen = [(d.code, d.span.line, d.span.column) if d.span else (d.code, 0, 0) for d in found]
    assert seen == expected, "\n".join(map(str, found))
    assert all(d.help and d.name == CODES[d.code] and d.file == str(path) for d in found)
    with pytest.raises(vla_compose.SpecError):
        vla_compose.build(path)


def test_bad_specs_cover_every_code() -> None:
    covered = {code for path in BAD for code, _, _ in EXPECT.findall(path.read_text("utf-8"))}
    assert {code for code in CODES if "VC100" < code < "VC400"} <= covered


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_good(path: Path) -> None:
    """Accepted, built, and run with sizes that keep the contracts: the shapes are the inferred ones."""
    assert vla_compose.check(path) == []
    spec = vla_compose.load(path)
    for variant in (None, *spec.variants):
        graph = vla_compose.compose(spec, variant=variant)
        module = vla_compose.build(spec, variant=variant)
        entries = [(entry, tuple(value.shape)) for entry, value in module.state_dict().items()]
        assert entries == graph.entries()
        torch.manual_seed(0)
        for flag in (False, True):
            sample = samples(graph, random.Random(1))
            assert sample is not None
            results = module(**arguments(graph, sample, flag))
            results = results if len(graph.outputs) > 1 else (results,)
            known = dict(sample.sizes)
            for size, value in chosen(graph, flag).items():
                known[size] = number(parse_expression(value).substitute(graph.values), known)
            for (_, edge), result in zip(graph.outputs, results, strict=True):
                check_shape(edge.type.substitute(graph.values), result, Sample(known, sample.images))


def test_there_are_specs() -> None:
    assert len(GOOD) >= 20
    assert len(BAD) >= 60
