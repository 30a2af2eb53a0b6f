"""A command line in this process: `run("show", "qwen2-vl")`."""

import io
import sys
from typing import NamedTuple

import pytest

from vla_compose.cli.app import main


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["vla-compose", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert isinstance(exit.value.code, int)
        return Result(exit.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A function that writes a spec to the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(name="mine.yaml", *changes):
        text = (
            "spec_version: 1\nname: mine\ndims: {vision: 8, text: 16}\ninputs:\n  x: b n vision\n"
            "steps:\n  - linear: {name: proj, out: text}\n"
        )
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
