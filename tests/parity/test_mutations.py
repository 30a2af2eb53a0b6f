"""Every small mistake in a seed spec fails the parity test; edits that mean the same do not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.parity.mutants import CONTROLS, MUTANTS, Mutant, table
from tests.parity.references import SEEDS


def name(mutant: Mutant) -> str:
    return f"{mutant.spec}: {mutant.name}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=name)
def test_mutant_is_caught(mutant: Mutant) -> None:
    caught, by = mutant.found()
    assert caught == mutant.caught, by


@pytest.mark.parametrize("mutant", CONTROLS, ids=name)
def test_equivalent_edit_passes(mutant: Mutant) -> None:
    assert mutant.found() == ("", "")


def test_every_seed_has_mutants() -> None:
    count = Counter(mutant.spec for mutant in MUTANTS)
    assert count.keys() == {reference.spec for reference in SEEDS}
    assert len({name(mutant) for mutant in MUTANTS}) == len(MUTANTS) >= 60


def test_table_has_a_row_for_each() -> None:
    from tests.parity import mutants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutants, "MUTANTS", MUTANTS[:3])
        lines = table().splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["mutant", "spec", "caught", "by", "details"]
