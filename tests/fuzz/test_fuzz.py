"""The fuzzer runs for a few seconds, finds what is broken on purpose, and nothing that it found before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import run, targets
from fuzz.corpus import FINDINGS, seeds
from vla_compose.types.dim import Dim

ROOT = Path(__file__).parents[2]
PAST = [pytest.param(path, id=f"{path.parent.name}-{path.name}") for path in sorted(FINDINGS.glob("*/*"))]


def test_the_targets_of_the_command_line() -> None:
    assert tuple(targets.TARGETS) == run.TARGETS
    assert {path.parent.name for path in FINDINGS.glob("*/*")} <= set(run.TARGETS)


@pytest.mark.parametrize("path", PAST)
def test_past_findings(path: Path) -> None:
    targets.TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", run.TARGETS)
def test_seeds(target: str) -> None:
    found = seeds(target)
    assert len(found) > 60
    assert found == seeds(target)
    for seed in found[:: 1 if target != "reader" else 4]:
        targets.TARGETS[target](seed)


@pytest.mark.parametrize("target", run.TARGETS)
def test_smoke(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["-e", "hypothesis", "-t", target, "-s", "2", "--cache", str(tmp_path)]) == 0
    assert "no finding" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["hypothesis", "atheris"])
def test_a_finding_is_reported_and_kept(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if engine == "atheris":
        pytest.importorskip("atheris", reason="atheris is not installed; the fuzzer uses hypothesis then")
        # atheris runs in a process of its own, where nothing is patched: run one input that is broken there.
        ran = subprocess.run(
            [sys.executable, "fuzz/run.py", "-t", "expression", "-n", "500", "--cache", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0
        assert "(atheris)" in ran.stdout
        return

    def broken(data: bytes) -> None:
        if b"vision" in data:
            raise targets.Broken("on purpose")

    monkeypatch.setattr(targets, "TARGETS", {**targets.TARGETS, "pattern": broken})
    assert run.main(["-e", engine, "-t", "pattern", "-s", "20", "--cache", str(tmp_path)]) == 1
    assert "1 findings" in capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    assert b"vision" in kept.read_bytes()
    with pytest.raises(targets.Broken, match="on purpose"):
        run.main(["-t", "pattern", "-r", str(kept)])


def test_executions_are_limited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["-e", "hypothesis", "-t", "expression", "-n", "50", "--cache", str(tmp_path)]) == 0
    assert " 50 executions" in capsys.readouterr().out


BROKEN = {
    "a wrong value": ("parse_expression", lambda text: Dim.of(7), targets.expression, b"a + b"),
    "another exception": ("parse_expression", lambda text: int(text), targets.expression, b"a + b"),
    "a leak": ("read_text", lambda data: {"a": 1}[str(data)], targets.reader, b"a: 1"),
    "silence": ("check_document", lambda document: [], targets.check, b"spec_version: 1\nname: x\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_targets_notice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, replacement, target, data = BROKEN[name]
    target(data)
    monkeypatch.setattr(targets, function, replacement)
    with pytest.raises((targets.Broken, KeyError, ValueError)):
        target(data)


def test_the_dictionary_is_one_that_libfuzzer_reads() -> None:
    lines = (ROOT / "fuzz" / "yaml.dict").read_text("ascii").splitlines()
    tokens = [line for line in lines if line and not line.startswith("#")]
    assert len(tokens) > 80
    for token in tokens:
        assert token[0] == token[-1] == '"'
        assert token[1:-1].encode().decode("unicode_escape")
