"""The names that steps give by their fields are those that they register."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

import vla_compose
from vla_compose.check.slots import stated
from vla_compose.primitives.base import Node

ROOT = Path(__file__).parents[2]
SPECS = sorted([*(ROOT / "specs").glob("*.yaml"), *(ROOT / "tests" / "specs" / "paper").glob("*.yaml")])


def differing(nodes: Iterable[Node]) -> list[tuple[str, list[str], list[str]]]:
    found = []
    for node in nodes:
        given, made = sorted(node.step.body.names()), sorted(member.path for member in node.members)
        if given != made:
            found.append((node.step.kind, given, made))
        found += differing(node.body)
    return found


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_names(path: Path) -> None:
    graph = vla_compose.compose(path)
    for checked in graph.chains:
        assert differing(checked.nodes) == []
        known = stated(checked.chain)
        assert known is not None
        assert {member.path for member in checked.unused} <= set(known)
