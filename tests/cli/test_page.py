"""The page of the command line says what the commands say of themselves."""

import re
from pathlib import Path

import pytest

import vla_compose
from vla_compose.cli.app import COMMANDS

PAGE = Path(vla_compose.__file__).parent.parent / "docs/reference/cli.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="needs a checkout")


def sections():
    head, *rest = PAGE.read_text(encoding="utf-8").split("\n## ")
    return {"": head} | {text.split("\n", 1)[0]: text for text in rest}


def words(text):
    return " ".join(re.sub(r"[`\\\\|]", " ", text).split())


def test_every_command_has_a_section_in_order():
    assert list(sections()) == ["", *COMMANDS]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_has_usage_options_and_examples(run, command):
    page, out = sections()[command], run(command, "--help").out
    assert f"```sh\nvla-compose {command}" in page
    assert "Examples:" in page
    for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", out, re.M):
        assert (f"`{option}" in page) == (option != "--help"), option
    for example in re.findall(r"^    (.*vla-compose .*)$", out, re.M):
        assert f"\n{example}\n" in page
    first = COMMANDS[command].HELP.split("\n", 1)[0]
    assert f"\n{first}\n" in page


def test_exit_codes_are_there():
    text = sections()
    assert "Exit codes: 0 clean, 1 mistakes in a spec, 2 " in text[""]
    assert "Exit codes: 0 all are valid" in text["validate"]


def test_no_help_is_lost_in_markdown():
    text = PAGE.read_text(encoding="utf-8")
    assert "\b" not in text
    assert r"\*.yaml and \*.yml" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)
