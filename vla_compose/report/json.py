"""Diagnostics as JSON, for programs.

    {"diagnostics": [{"code", "edit": {"replacement", "span"}, "expected", "file", "found", "help",
                      "labels": [{"span", "text"}], "message", "name", "severity",
                      "span": {"column", "end_column", "line"}, "url"}],
     "format_version": 1}

Every key is always there; what is not known is `null`. Lines and columns count from 1, `end_column` is
exclusive. Within one `format_version` keys are added but never renamed or removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from vla_compose.diagnostics import Diagnostic
from vla_compose.report import Sources

FORMAT_VERSION = 1


def render(diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """One JSON object in ASCII with sorted keys; the text of the files is not needed."""
    body = {"format_version": FORMAT_VERSION, "diagnostics": [asdict(found) for found in diagnostics]}
    return json.dumps(body, indent=2, sort_keys=True) + "\n"
