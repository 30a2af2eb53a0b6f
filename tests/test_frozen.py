"""Specs of version 1 build the same module in every later release.

`tests/specs/v1/` holds each shipped spec as it was frozen, and the Python that it compiled to at a tiny size.
Neither file is ever written again; a new spec adds a pair of files (`python -m tests.test_frozen NAME`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import vla_compose
from tests.parity.harness import Case, Reference, assert_parity, run_source
from tests.parity.pilots import PILOTS
from tests.parity.references import SEEDS

FROZEN = Path(__file__).parent / "specs" / "v1"
REFERENCES = {str(reference.spec): reference for reference in (*PILOTS, *SEEDS)}


def frozen(name: str) -> Reference:
    """The module of the frozen source as the original, the frozen spec as ours."""
    now = REFERENCES[name]
    text = (FROZEN / f"{name}.py").read_text(encoding="utf-8")
    cases = tuple(
        Case(case.name, case.inputs, lambda module, inputs: module(**inputs)) for case in now.cases[:3]
    )
    return Reference(
        name=name,
        spec=str(FROZEN / f"{name}.yaml"),
        dims=now.dims,
        original=lambda: run_source(text),
        cases=cases,
    )


def test_every_shipped_spec_is_frozen() -> None:
    assert {path.stem for path in FROZEN.glob("*.yaml")} == set(vla_compose.list_specs())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_builds_the_same_bits(name: str, dtype: torch.dtype) -> None:
    reference = frozen(name)
    for case in reference.cases:
        assert_parity(reference, case, dtype)


def freeze(name: str) -> None:
    """Write the pair of files of a spec that is not frozen yet."""
    spec, source = FROZEN / f"{name}.yaml", FROZEN / f"{name}.py"
    if spec.exists() or source.exists():
        raise SystemExit(f"{name} is frozen already")
    spec.write_text(vla_compose.load(name).text, encoding="utf-8")
    source.write_text(vla_compose.eject(name, **REFERENCES[name].dims), encoding="utf-8")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        freeze(given)
