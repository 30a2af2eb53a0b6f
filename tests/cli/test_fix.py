"""`validate --fix` and `--diff`: what is written, what is shown, and what is left alone."""

import json
import os
import stat

import pytest

from tests.cli.test_app import on_a_terminal, spawn
from tests.report.readers import sarif
from vla_compose.diagnostics import Diagnostic
from vla_compose.fixes import Fixed

SLIP = ("out: text", "out: txt")
DIFF = """\
--- mine.yaml
+++ mine.yaml
@@ -4,4 +4,4 @@
 inputs:
   x: b n vision
 steps:
-  - linear: {name: proj, out: txt}
+  - linear: {name: proj, out: text}
"""


def test_a_file_is_fixed_and_the_diff_shown(run, spec):
    good = spec().read_bytes()
    path = spec("mine.yaml", SLIP)
    os.chmod(path, 0o640)
    assert run("validate", "mine.yaml", "--fix") == (
        0,
        f"{DIFF}fixed 1 mistake in 1 spec\n1 spec is valid\n",
        "",
    )
    assert path.read_bytes() == good
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(".") == ["mine.yaml"]
    assert run("validate", "mine.yaml", "--fix") == (0, "1 spec is valid\n", "")


def test_diff_writes_nothing(run, spec):
    path = spec("mine.yaml", SLIP)
    before = path.read_bytes(), path.stat()
    for arguments in (["--diff"], ["--fix", "--diff"]):
        assert run("validate", "mine.yaml", *arguments) == (1, DIFF, "would fix 1 mistake in 1 spec\n")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before[0], before[1].st_mtime_ns)
    spec()
    assert run("validate", "mine.yaml", "--diff") == (0, "", "")


def test_diff_of_what_needs_a_choice(run, spec):
    spec("mine.yaml", ("out: text", "out: quite_else"))
    assert run("validate", "mine.yaml", "--diff") == (1, "", "1 mistake cannot be fixed without a choice\n")


def test_comments_layout_line_ends_and_the_byte_order_mark_stay(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = (
        "\ufeff# head\r\nspec_version:   1\r\nname: mine # é 日\r\n\r\ndims: {vision: 8,  text: 16}\r\n"
        "inputs:\r\n    x: b n vision   \r\nsteps:\r\n- linear: {name: 'proj', out: text}\r\n# the end"
    )
    path = tmp_path / "a.yaml"
    path.write_bytes(good.replace("out: text", "ouut: tetx").replace("spec_version", "spec_vresion").encode())
    assert run("validate", "a.yaml", "--fix").code == 0
    assert path.read_bytes() == good.encode()


def test_what_is_left_is_told_and_counted(run, spec):
    path = spec("mine.yaml", ("steps:", "steps:\n  - norm: {name: ln, kind: layr}\n  - flatten: {what: 1}"))
    code, out, err = run("validate", "mine.yaml", "--fix", "--output-format", "concise")
    assert (code, err) == (1, "")
    assert "fixed 1 mistake in 1 spec\nmine.yaml:8:15: VC101 " in out
    assert "kind: layer" in path.read_text()


def test_nothing_is_written_when_a_fix_would_do_harm(run, spec):
    path = spec("mine.yaml", ("name: mine", "name: yes"))
    before = path.read_bytes()
    code, out, err = run("validate", "mine.yaml", "--fix")
    assert code == 1
    assert err == "error: `mine.yaml` was left alone: a fix would bring or hide other mistakes\n"
    assert "VC022" in out
    assert "fixed" not in out
    assert path.read_bytes() == before


def test_several_files_and_folders(run, spec):
    good = spec().read_bytes()
    paths = [spec(name, SLIP) for name in ("a/1.yaml", "a/2.yml", "b.yaml")]
    code, out, _ = run("validate", ".", "--fix")
    assert code == 0
    assert out.endswith("fixed 3 mistakes in 3 specs\n4 specs are valid\n")
    assert [path.read_bytes() for path in paths] == [good] * 3


@pytest.mark.parametrize("format", ["json", "sarif", "github"])
def test_what_programs_read_stands_alone(run, spec, format):
    spec("mine.yaml", ("linear:", "linaer:"), ("steps:", "steps:\n  - flatten: {what: 1}"))
    code, out, err = run("validate", "mine.yaml", "--fix", "--output-format", format)
    assert code == 1
    assert "+  - linear: {name: proj, out: text}" in err
    if format == "json":
        assert [found["code"] for found in json.loads(out)["diagnostics"]] == ["VC101"]
    elif format == "sarif":
        assert [found["ruleId"] for found in sarif(out)["results"]] == ["VC101"]
    else:
        assert out.startswith("::error file=mine.yaml,line=7")


def test_standard_input_is_printed_fixed(run, spec):
    good, bad = spec().read_bytes(), spec("bad.yaml", SLIP).read_bytes()
    code, out, err = run("validate", "-", "--fix", stdin=bad)
    assert (code, out.encode()) == (0, good)
    assert err.startswith("--- <stdin>\n+++ <stdin>\n")
    assert err.endswith("fixed 1 mistake in 1 spec\n1 spec is valid\n")
    assert run("validate", "-", "--fix", stdin=good)[:2] == (0, good.decode())


@pytest.mark.parametrize("data", [b"a: \xff\n", b"", b"name: yes\r\n", b"# x\n" * 300_000])
def test_standard_input_that_cannot_be_fixed_passes_through(data):
    done = spawn("validate", "-", "--fix", input=data)
    assert (done.returncode, done.stdout) == (1, data)
    assert b"error[VC0" in done.stderr


def test_places_in_standard_input_are_those_of_the_printed_text(run, spec):
    data = spec("bad.yaml", ("linear: {name: proj", "linaer: {nonsense: 1, name: proj")).read_bytes()
    code, _, err = run("validate", "-", "--fix", stdin=data)
    assert code == 1
    assert " 7 |   - linear: {nonsense: 1" in err


def test_a_symbolic_link_is_not_replaced(run, spec):
    path = spec("mine.yaml", SLIP)
    before = path.read_bytes()
    os.symlink("mine.yaml", "link.yaml")
    code, _, err = run("validate", "link.yaml", "--fix")
    assert code == 2
    assert "is a symbolic link" in err
    assert path.read_bytes() == before
    assert os.path.islink("link.yaml")


def test_a_file_that_changed_meanwhile_is_left_alone(run, spec, monkeypatch):
    path = spec("mine.yaml", SLIP)

    def fix(text, *, file):
        path.write_text("mine\n")
        return Fixed("other\n", (Diagnostic("VC101", "unknown-field", "wrong"),), ())

    monkeypatch.setattr("vla_compose.cli.fix.fix", fix)
    code, _, err = run("validate", "mine.yaml", "--fix")
    assert code == 2
    assert "was changed by another program" in err
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a: \x1b[31m\n", b"", b"\x80\x04.", b"a: [", None])
def test_hostile_files_stay_as_they_are(run, tmp_path, data):
    path = tmp_path / "x.yaml"
    if data is not None:
        path.write_bytes(data)
    code, out, err = run("validate", path, "--fix")
    assert (code, err) == (1, "")
    assert all(char == "\n" or char.isprintable() for char in out)
    assert data is None or path.read_bytes() == data


@pytest.mark.parametrize(
    "arguments",
    [
        ["-", "mine.yaml", "--fix"],
        ["mine.yaml", "--diff", "--output-format", "json"],
        ["mine.yaml", "--watch", "--fix"],
        ["mine.yaml", "--watch", "--diff"],
        ["-", "--watch"],
        ["mine.yaml", "--watch", "--output-format", "sarif"],
        ["mine.yaml", "--max-errors", "0"],
    ],
)
def test_what_makes_no_sense_together_is_a_wrong_command_line(run, spec, arguments):
    path = spec("mine.yaml", SLIP)
    before = path.read_bytes()
    code, out, err = run("validate", *arguments)
    assert (code, out) == (2, "")
    assert err
    assert path.read_bytes() == before


def test_a_terminal_gets_a_coloured_diff(spec):
    spec("mine.yaml", SLIP)
    shown = on_a_terminal("validate", "mine.yaml", "--fix")
    assert "\x1b[32m+  - linear: {name: proj, out: text}\x1b[0m" in shown
    assert "\x1b[31m-  - linear: {name: proj, out: txt}\x1b[0m" in shown


def test_max_errors(run, spec):
    spec("mine.yaml", ("steps:", "steps:" + "\n  - nonsense" * 30))
    for arguments, shown in (([], 20), (["--max-errors", "3"], 3), (["--max-errors", "99"], 30)):
        out = run("validate", "mine.yaml", *arguments).out
        assert out.count("error[VC105]") == shown
        assert (f"and {30 - shown} more\n30 mistakes in 1 spec\n" in out) == (shown < 30)
        assert out.endswith("30 mistakes in 1 spec\n")
    out = run("validate", "mine.yaml", "--output-format", "json", "--max-errors", "3").out
    assert len(json.loads(out)["diagnostics"]) == 30


def test_show_is_capped_too(run, spec):
    spec("mine.yaml", ("steps:", "steps:" + "\n  - nonsense" * 30))
    code, _, err = run("show", "mine.yaml")
    assert code == 1
    assert err.count("error[VC105]") == 20
    assert err.endswith("\nand 10 more\n")


def test_a_terminal_is_told_of_the_others(spec):
    spec("mine.yaml", ("steps:", "steps:" + "\n  - nonsense" * 30))
    for arguments in (["validate"], ["show"]):
        shown = on_a_terminal(*arguments, "mine.yaml")
        assert shown.count("VC105/") == 20
        assert "\nand 10 more\n" in shown
