"""Diagnostics as SARIF 2.1.0, which code hosts and editors read.

One run with a rule for every code that occurs. Paths are relative to the current folder, columns count
characters, and a fix is there where it leaves no choice. The same diagnostics give the same text.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from vla_compose.diagnostics import Diagnostic, Span
from vla_compose.report import Sources
from vla_compose.report.paths import STDIN, relative
from vla_compose.report.printable import printable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HOME = "https://vla-compose.github.io/"
ROOT = "%SRCROOT%"
"""The name that readers give to the folder that paths start from."""

Json = dict[str, Any]


def render(diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """One SARIF log in ASCII with sorted keys; the text of the files is not needed."""
    from vla_compose import __version__

    rules = {found.code: found for found in reversed(diagnostics)}
    codes = sorted(rules)
    driver = {
        "name": "vla-compose",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_rule(rules[code]) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, codes.index(found.code)) for found in diagnostics],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, sort_keys=True) + "\n"


def _rule(found: Diagnostic) -> Json:
    """What is known about a code: the first sentences of its page, and all of it as help."""
    from vla_compose.explanations import explanation

    rule: Json = {"id": found.code, "name": found.name, "helpUri": found.url}
    try:
        page = explanation(found.code)
    except KeyError:
        return rule
    what, why = page.split("\n\n")[1:3]
    return rule | {
        "shortDescription": {"text": _plain(what)},
        "fullDescription": {"text": _plain(f"{what} {why}")},
        "help": {"text": _plain(page.split("\n", 1)[1].strip()), "markdown": page},
    }


def _result(found: Diagnostic, index: int) -> Json:
    text = printable(found.message)
    if found.help:
        text += f"\nhelp: {printable(found.help)}"
    result: Json = {
        "ruleId": found.code,
        "ruleIndex": index,
        "level": found.severity,
        "message": {"text": _plain(text)},
        "locations": [{"physicalLocation": _place(found.file, found.span)}],
    }
    if found.labels:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": _plain(printable(label.text))},
                "physicalLocation": _place(found.file, label.span),
            }
            for number, label in enumerate(found.labels, start=1)
        ]
    if found.edit is not None:
        replacement = {
            "deletedRegion": _region(found.edit.span),
            "insertedContent": {"text": found.edit.replacement},
        }
        change = {"artifactLocation": _file(found.file), "replacements": [replacement]}
        description = {"text": _plain(printable(found.help or "apply the fix"))}
        result["fixes"] = [{"description": description, "artifactChanges": [change]}]
    return result


def _place(file: str | None, span: Span | None) -> Json:
    place: Json = {"artifactLocation": _file(file)}
    return place if span is None else place | {"region": _region(span)}


def _region(span: Span) -> Json:
    return {"startLine": span.line, "startColumn": span.column, "endColumn": span.end_column}


def _file(file: str | None) -> Json:
    """A file as a relative URI; standard input and bare text by the name that is shown for them."""
    if file is None or file == STDIN:
        return {"uri": quote(file or "<spec>")}
    try:
        path = os.fsencode(relative(file))
    except UnicodeEncodeError:
        path = relative(file).encode("utf-8", "surrogatepass")
    return {"uri": quote(path), "uriBaseId": ROOT}


def _plain(text: str) -> str:
    """Text in which nothing is a placeholder or a link to readers of SARIF: `{0}`, `[text](target)`."""
    text = re.sub(r"\{(\d+)\}", r"{{\1}}", text)
    return re.sub(r"\[(?=[^\[\]]*\]\()", r"\\[", text)
