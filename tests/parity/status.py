"""What the parity tests compare with what, as data for the pages of adapters.

python -m tests.parity.status    writes `status.json`; a test checks that it is what the references say
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from tests.parity.harness import DTYPES, Reference
from tests.parity.pilots import OTHER_DIMS, PILOTS
from tests.parity.references import CLOSE, EXACT

FILE = Path(__file__).with_name("status.json")
CONSTRAINTS = Path(__file__).parent.parent.parent / "constraints.txt"
FORMULATION = "an independent formulation, and stored vectors of the original"


def status() -> dict[str, list[dict[str, Any]]]:
    """By spec: every reference with its original, geometries, dtypes and result."""
    found: dict[str, list[dict[str, Any]]] = {}
    for reference in (*EXACT, *CLOSE, *PILOTS, *OTHER_DIMS):
        found.setdefault(str(reference.spec), []).append(_entry(reference))
    return dict(sorted(found.items()))


def _entry(reference: Reference) -> dict[str, Any]:
    close = reference.tolerance
    original = _class(reference.original())
    return {
        "original": original or FORMULATION,
        "dims": dict(reference.dims),
        "cases": [case.name for case in reference.cases],
        "dtypes": ["fp64"] if close else [str(dtype.id) for dtype in DTYPES],
        "result": f"within {close:g} of the largest value" if close else "equal bits",
        "versions": {name: _pinned(name) for name in (("torch", "transformers") if original else ("torch",))},
    }


def _class(original: nn.Module) -> str:
    """The class of transformers that a reference is, or holds."""
    classes: Iterable[type] = (type(module) for module in original.modules())
    return next((made.__name__ for made in classes if made.__module__.startswith("transformers.")), "")


def _pinned(name: str) -> str:
    """The version that the tests run with."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(
        line.split("#")[0].strip().partition("==")[2] for line in lines if line.startswith(f"{name}==")
    )


def text() -> str:
    """The file's text."""
    return json.dumps(status(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_bytes(text().encode())
