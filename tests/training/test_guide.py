"""What the guide says is printed. That its examples run is tested with all other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "training.md"
PRINTED = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOUND = PRINTED.findall(GUIDE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("code", "text"), FOUND, ids=range(len(FOUND)))
def test_printed(code: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, GUIDE.name, "exec"), {})
    assert capsys.readouterr().out == text


def test_every_text_is_compared() -> None:
    assert len(FOUND) == GUIDE.read_text(encoding="utf-8").count("```text") == 2
