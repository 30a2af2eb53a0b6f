"""What holds for every command: help, exit codes, no tracebacks, no torch, pipes and terminals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vla_compose
from vla_compose.cli.app import COMMANDS

ROOT = Path(vla_compose.__file__).parent.parent
CALL = "from vla_compose.cli.app import main; main()"
pty = pytest.importorskip("pty")


def spawn(*arguments, code=CALL, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, env=environment, timeout=60, **more
    )


def on_a_terminal(*arguments, columns=80, **environment):
    """What a command prints on a terminal."""
    parent, child = pty.openpty()
    try:
        kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "FORCE_COLOR")}
        environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": str(columns),
            "TERM": "xterm",
        } | environment
        process = subprocess.Popen(
            [sys.executable, "-c", CALL, *arguments], stdin=child, stdout=child, stderr=child, env=environment
        )
        os.close(child)
        shown = b""
        while True:
            try:
                data = os.read(parent, 65536)
            except OSError:  # how Linux says that the other side is closed
                data = b""
            if not data:
                break
            shown += data
        process.wait(60)
    finally:
        os.close(parent)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(run, command):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"Examples:\n    vla-compose {command}" in out or f"| vla-compose {command}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_help_whole(run, command):
    out = run("--help").out
    line = next(line for line in out.splitlines() if line.startswith(f"  {command} "))
    assert line.endswith(".")
    assert "..." not in line


def test_every_example_of_a_shipped_spec_works(run):
    others = {"|", "-o", "my.yaml", "--checkpoint"}
    for command in ("show", "build", "eject", "explain", "list"):
        for line in run(command, "--help").out.splitlines():
            words = line.split()
            if words[:2] == ["vla-compose", command] and not others & set(words):
                assert run(*words[1:]).code == 0, line


def test_version(run):
    assert run("--version") == (0, f"vla-compose {vla_compose.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["show"],
        ["validate"],
        ["show", "qwen2-vl", "--nonsense"],
        ["show", "qwen2-vl", "--variant", "9b"],
        ["show", "qwen2-vl", "--dim", "text"],
        ["show", "qwen2-vl", "--dim", "text=-1"],
        ["show", "qwen2-vl", "--dim", "text=0"],
        ["show", "qwen2-vl", "--dim", "text=²"],
        ["show", "qwen2-vl", "--dim", "text=" + "9" * 5000],
        ["show", "qwen2-vl", "--dim", "txt=4"],
        ["validate", "qwen2-vl", "--output-format", "xml"],
        ["explain", "VC999"],
        ["new", "mine"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2_and_silent_on_stdout(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert bool(err) != bool(out)
    assert err or out.startswith("Usage:")  # a bare command prints its help


@pytest.mark.parametrize("command", ["show", "build", "eject"])
def test_mistakes_in_a_spec_are_exit_code_1_and_go_to_stderr(run, spec, command):
    code, out, err = run(command, spec("bad.yaml", ("out: text", "out: txt")))
    assert (code, out) == (1, "")
    assert "error[VC305]" in err
    assert "bad.yaml:7:31" in err
    assert " 7 |   - linear: {name: proj, out: txt}\n   |                               ^^^\n" in err


def test_mistakes_that_dims_make(run):
    code, out, err = run("show", "qwen-vl", "--dim", "text=4095")
    assert (code, out) == (1, "")
    assert "VC203" in err


def test_a_name_nearly_right_is_suggested(run):
    code, _, err = run("show", "qwen3-lv")
    assert code == 1
    assert "there is no file `qwen3-lv`" in err
    assert "help: write `qwen3-vl`, a shipped spec" in err


def test_dims_may_not_be_named_like_arguments_of_build(run, spec):
    path = spec("mine.yaml", ("vision: 8, text: 16", "vision: 8, variant: 16"), ("out: text", "out: variant"))
    code, _, err = run("show", path, "--dim", "variant=32")
    assert code == 1
    assert "VC302" in err


def test_a_bug_is_exit_code_2_and_asks_for_a_report(run, monkeypatch, capsys):
    monkeypatch.setattr("vla_compose.api.list_specs", lambda: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["vla-compose", "list"])
    from vla_compose.cli.app import main

    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 2
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "please report it" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "qwen3-vl"],
        ["validate", "qwen3-vl"],
        ["eject", "qwen3-vl"],
        ["schema"],
        ["explain", "norm"],
    ],
)
def test_only_build_imports_torch(arguments):
    code = CALL.replace("main()", "import sys; sys.modules['torch'] = None; main()")
    result = spawn(*arguments, code=code)
    assert (result.returncode, result.stderr) == (0, b"")


def test_plain_output_imports_no_rich():
    code = CALL.replace("main()", "import sys; sys.modules['rich'] = None; main()")
    for arguments in (
        ["validate", "specs", "--output-format", "concise"],
        ["validate", "specs"],
        ["show", "qwen2-vl"],
    ):
        result = spawn(*arguments, code=code, cwd=ROOT)
        assert (result.returncode, result.stderr) == (0, b"")


def test_a_reader_that_leaves_early_is_no_error():
    command = f"{sys.executable} -c '{CALL}' schema | head -c 10"
    result = subprocess.run(
        command, shell=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert result.stderr == b""
    assert len(result.stdout) == 10


def test_an_output_without_unicode_gets_escapes():
    result = spawn("explain", "activation", env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    assert b"\\u221a" in result.stdout


def test_a_terminal_gets_boxes_and_colour():
    shown = on_a_terminal("show", "qwen2-vl")
    assert "╭" in shown
    assert "\x1b[1;36m" in shown
    assert "\x1b[" in on_a_terminal("validate", "no-such-file.yaml")


def test_no_color_is_respected():
    import re

    for arguments in (["show", "qwen2-vl"], ["validate", "no-such-file.yaml"]):
        shown = on_a_terminal(*arguments, NO_COLOR="1")
        assert not re.search(r"\x1b\[(?:\d+;)*[34]\d", shown)


def test_a_dumb_terminal_gets_plain_text():
    shown = on_a_terminal("show", "qwen2-vl", TERM="dumb")
    assert "\x1b" not in shown
    assert "╭" not in shown


def test_a_pipe_gets_plain_text():
    result = spawn("show", "qwen2-vl", env={"FORCE_COLOR": "1"})
    assert b"\x1b" not in result.stdout
