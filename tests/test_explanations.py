"""Every code has a page, whose wrong spec gives exactly that code and whose right spec gives none."""

import re
from pathlib import Path

import pytest

import vla_compose
from vla_compose.api import check_document
from vla_compose.codes import CODES
from vla_compose.diagnostics import SpecError
from vla_compose.explanations import explanation
from vla_compose.spec.reader import read_file, read_text

FOLDER = Path(vla_compose.__file__).parent / "explanations"
ABOUT_FILES = {"VC001", "VC002", "VC003", "VC004"}
"""Codes whose wrong case is a command and not a text; each has a test of its own."""
ENCODINGS = {"VC007": "latin-1"}


def found(data):
    try:
        return check_document(read_text(data))
    except SpecError as error:
        return list(error.diagnostics)


def blocks(page):
    return re.findall(r"^```(\w+)\n(.*?)^```$", page, re.S | re.M)


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_why_and_shows_both_cases(code):
    page = explanation(code)
    assert page.startswith(f"# {code}: {CODES[code]}\n\n")
    what, why = page.split("\n\n")[1:3]
    assert len(what) > 20
    assert len(why) > 40
    assert re.findall(r"^## (.*)$", page, re.M) == ["Wrong", "Right"]
    assert len(blocks(page)) == 2


def test_there_is_no_page_without_a_code():
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CODES)


def test_an_unknown_code_is_no_path():
    for code in ("VC999", "../codes", ""):
        with pytest.raises(KeyError):
            explanation(code)


@pytest.mark.parametrize("code", sorted(set(CODES) - ABOUT_FILES))
def test_the_wrong_spec_gives_exactly_its_code(code):
    kind, text = blocks(explanation(code))[0]
    assert kind == "yaml"
    assert [diagnostic.code for diagnostic in found(text.encode(ENCODINGS.get(code, "utf-8")))] == [code]


@pytest.mark.parametrize("code", CODES)
def test_the_right_spec_is_clean(code):
    kind, text = blocks(explanation(code))[1]
    assert kind == "yaml"
    assert found(text) == []


def codes_of(path):
    with pytest.raises(SpecError) as caught:
        read_file(path)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def test_a_file_that_is_not_there(tmp_path):
    assert codes_of(tmp_path / "my-adaptor.yaml") == ["VC001"]


def test_a_folder(tmp_path):
    assert codes_of(tmp_path) == ["VC002"]


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "my-adapter.yaml"
    path.write_text("spec_version: 1\n")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    assert codes_of(path) == ["VC003"]


def test_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "my-adapter.yaml"
    path.write_text("spec_version: 1\n" + "# notes\n" * 100_000)
    assert codes_of(path) == ["VC004"]
