"""The parity status that pages show is what the parity tests compare."""

from __future__ import annotations

from importlib.metadata import version

import vla_compose
from tests.parity.status import FILE, status, text


def test_the_file_is_what_the_references_say() -> None:
    assert FILE.read_bytes() == text().encode(), "run `python -m tests.parity.status`"


def test_every_shipped_spec_has_an_entry() -> None:
    assert set(status()) == set(vla_compose.list_specs())


def test_the_versions_are_those_that_ran() -> None:
    for entries in status().values():
        for entry in entries:
            assert all(version(name).partition("+")[0] == told for name, told in entry["versions"].items())
