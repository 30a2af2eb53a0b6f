"""Readers of the formats for programs: workflow commands, and SARIF by its official schema."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from jsonschema import Draft4Validator, FormatChecker

SCHEMA = Path(__file__).parent.parent / "data/sarif/sarif-2.1.0-rtm.5.json"


class Command(NamedTuple):
    """A workflow command, as the runner of GitHub Actions takes it apart."""

    name: str
    properties: dict[str, str]
    message: str


def commands(text):
    """Every line that the runner would act on; the others are log."""
    found = [command(line) for line in re.split(r"\r\n|\r|\n", text)]
    return [one for one in found if one is not None]


def command(line):
    line = line.lstrip()
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        old = re.search(r"##\[([\w-]+)", line)
        return Command(old[1], {}, line) if old else None
    name, _, rest = line[2:end].partition(" ")
    pairs = [pair.partition("=") for pair in rest.split(",") if "=" in pair]
    return Command(name, {key: decoded(value, ":,") for key, _, value in pairs}, decoded(line[end + 2 :], ""))


def decoded(text, more):
    for char in "\r\n" + more:
        text = text.replace(f"%{ord(char):02X}", char)
    return text.replace("%25", "%")


def sarif(text):
    """The run of a log that keeps to the official schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    log = json.loads(text)
    Draft4Validator(schema, format_checker=FormatChecker()).validate(log)
    (run,) = log["runs"]
    return run
