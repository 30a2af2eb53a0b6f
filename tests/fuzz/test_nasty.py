"""Hostile files through the whole pipeline: check, show, eject, every report, every command.

They are refused with typed diagnostics or stay inert: no other exception, no long time, no code, no file.
"""

from __future__ import annotations

import ast
import json
import os
import re
import resource
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest

import vla_compose
from tests.fuzz.filled import INERT, LARGE, MANIFEST, NASTY, REFUSED, Filled, base, filled
from vla_compose.api import check_document
from vla_compose.check.infer import infer
from vla_compose.codes import CODES
from vla_compose.diagnostics import Diagnostic, SpecError
from vla_compose.lower.module import source
from vla_compose.report import FORMATS, render, table
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

ROOT = Path(__file__).parents[2]
SPECS = list(filled())
IMPORT = re.compile(r"^\s*(?:from|import) ([\w.]+)", re.M)
SECONDS = 2.0
GIGABYTE = 2**30


def printable(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def outcome(data: bytes) -> list[Diagnostic]:
    """What check finds; a spec without mistakes is shown and ejected as well."""
    try:
        document = read_text(data)
    except SpecError as error:
        found, text = list(error.diagnostics), data.decode("utf-8", "replace")
    else:
        found, text = check_document(document), document.text
    for diagnostic in found:
        assert CODES[diagnostic.code] == diagnostic.name
        assert diagnostic.span is not None
        assert diagnostic.help
    for format in FORMATS:
        assert printable(render(format, found, {None: text}))
    if not found:
        graph = infer(load_spec(read_text(data)))
        assert printable(table.render(table.describe(graph, None)))
        ejected = source(graph)
        assert printable(ejected)
        assert ejected.isascii()
        assert set(IMPORT.findall(ejected)) <= {"__future__", "torch", "torch.nn"}
    return found


def test_the_base_is_valid() -> None:
    assert outcome(json.dumps(base()).encode()) == []


def test_every_file_is_used() -> None:
    assert {spec.file for spec in SPECS} == MANIFEST.keys()
    assert {path.name for path in NASTY.glob("*.yaml")} | LARGE.keys() == MANIFEST.keys()


@pytest.mark.parametrize("file", MANIFEST)
def test_refused_or_inert(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for spec in SPECS:
        if spec.file != file:
            continue
        began = time.process_time()
        found = outcome(spec.text)
        took = time.process_time() - began
        assert took < SECONDS, f"{spec.id} took {took:.1f} s"
        if spec.expect == REFUSED:
            assert found, f"{spec.id} is accepted:\n{spec.text[:300]!r}"
        if spec.expect == INERT:
            assert not found, f"{spec.id} is refused: {found[0]}"
    assert list(tmp_path.iterdir()) == []


def test_both_outcomes_occur() -> None:
    count = Counter(spec.expect for spec in SPECS)
    assert count[REFUSED] > 600
    assert count[INERT] >= 8


def test_what_is_ejected_is_the_same_but_for_the_comment() -> None:
    plain = vla_compose.eject(load_spec(read_text(json.dumps(base()))))
    for spec in SPECS:
        if spec.expect == INERT and spec.id.endswith("-summary"):
            text = vla_compose.eject(load_spec(read_text(spec.text)))
            assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(plain)), spec.id


def test_floats_survive() -> None:
    (spec,) = (spec for spec in SPECS if spec.id == "i13_float_repr-translated")
    assert "1.0000000000000002e-06" in vla_compose.eject(load_spec(read_text(spec.text)))


# --- what the process does: watched by Python itself ---

WATCHED = """
import json, os, sys, sysconfig
import vla_compose, vla_compose.cli.app
from vla_compose.report import FORMATS, render, table
from vla_compose.diagnostics import SpecError

allowed = [os.path.dirname(vla_compose.__file__), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
allowed += [sysconfig.get_path("platstdlib"), sysconfig.get_path("platlib")]
allowed = tuple(os.path.realpath(path) + os.sep for path in allowed)
roots = set(sys.stdlib_module_names) | {"vla_compose", "yaml", "pydantic", "pydantic_core", "rich", "typer",
    "typing_extensions", "typing_inspection", "annotated_types"}
forbidden = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn",
    "ctypes.", "pty.", "shutil.", "tempfile.", "os.remove", "os.rename", "os.mkdir", "os.chmod", "os.putenv",
    "pickle.", "urllib.", "webbrowser.", "os.listdir", "os.scandir", "glob.glob")
given, seen, quiet = None, [], False

def hook(event, arguments):
    if quiet:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, int):
            return
        path = os.path.realpath(os.fsdecode(path))
        mode = arguments[1] or "r"
        writes = set(mode) & set("wax+") if isinstance(mode, str) else 0
        if path != given and not path.startswith(allowed) or writes:
            seen.append(["open", str(path), str(mode)])
    elif event == "import":
        if arguments[0].partition(".")[0] not in roots:
            seen.append(["import", arguments[0]])
    elif event == "exec":
        # A module that is imported for the first time.
        if not arguments[0].co_filename.startswith((*allowed, "<frozen importlib")):
            seen.append(["exec", arguments[0].co_filename])
    elif event.startswith(forbidden):
        seen.append([event, repr(arguments)[:200]])

def everything(path):
    found = vla_compose.check(path)
    for format in FORMATS:
        render(format, found, {})
    if not found:
        table.render(table.describe(vla_compose.api.compose(path), None))
        vla_compose.eject(path)

everything(sys.argv[2])  # imports what is imported when it is first used
sys.addaudithook(hook)
loaded = set(sys.modules)
for name in sorted(os.listdir(sys.argv[1])) if (quiet := True) else ():
    given = os.path.realpath(os.path.join(sys.argv[1], name))
    quiet = False
    everything(given)
    quiet = True
    if seen:
        print(json.dumps([name, seen]))
        seen.clear()
print(json.dumps(sorted(name for name in set(sys.modules) - loaded if name.partition(".")[0] not in roots)))
"""


def watched(folder: Path, good: Path, cwd: Path) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder), str(good)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert not ran.returncode, ran.stderr
    return ran.stdout.splitlines()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(json.dumps(base()), encoding="utf-8")
    return path


def test_nothing_else_is_touched(tmp_path: Path, good: Path) -> None:
    folder, cwd = tmp_path / "specs", tmp_path / "cwd"
    folder.mkdir()
    cwd.mkdir()
    for spec in SPECS:
        (folder / f"{spec.id.replace('$', '_')}.yaml").write_bytes(spec.text)
    for name in ("secret.yaml", "ok.yaml", "h85_cycle_a.yaml", "h86_cycle_b.yaml"):
        (cwd / name).write_bytes(good.read_bytes())
    before = sorted(cwd.iterdir())
    assert watched(folder, good, cwd) == ["[]"]
    assert sorted(cwd.iterdir()) == before
    assert not list(tmp_path.rglob("PWNED"))


@pytest.mark.parametrize(
    ("act", "event"),
    [
        ("open('/etc/hostname').read()", "open"),
        ("__import__('antigravity_of_a_spec')", "import"),
        ("os.system('true')", "os.system"),
        ("__import__('socket').socket()", "socket"),
        ("eval('1')", "exec"),
    ],
)
def test_the_watch_would_notice(tmp_path: Path, good: Path, act: str, event: str) -> None:
    # A test that cannot fail proves nothing: do it, where a spec would.
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "a.yaml").write_bytes(good.read_bytes())
    hostile = f"    try:\n        {act}\n    except Exception:\n        pass\n    quiet = True"
    script = WATCHED.replace("    quiet = True", hostile, 1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(good)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not ran.returncode, ran.stderr
    (first, *_) = ran.stdout.splitlines()
    assert any(entry[0].startswith(event) for entry in json.loads(first)[1])


# --- the command line, with 1 GB of memory ---

COMMANDS = ("validate", "show", "eject", "build")
REPRESENTATIVE = [
    "a01_py_object_apply-raw",
    "b04_merge_bomb_11-raw",
    "c01_flow_seq_100k-raw",
    "c07_wide_50k_keys-raw",
    "e29_int_4301-raw",
    "f13_ansi_escape-raw",
    "f14_bidi-raw",
    "h17_expr_squares-expression-dim",
    "h33_depth_1e8-translated",
    "h30_params_1e12-translated",
    "h71_path-field-extends",
    "i03_ident_inject-name-step",
]


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTE, GIGABYTE))
    resource.setrlimit(resource.RLIMIT_CPU, (4, 4))


def command_line(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SECRET": "do-not-show",
        "PYTHONUTF8": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "vla_compose", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        preexec_fn=limited,
        timeout=60,
    )


def visible(output: bytes) -> bool:
    return printable(output.decode("utf-8")) and b"\x1b" not in output


@pytest.mark.parametrize("id", REPRESENTATIVE)
def test_command_line(id: str, tmp_path: Path) -> None:
    (spec,) = (spec for spec in SPECS if spec.id == id)
    (tmp_path / "spec.yaml").write_bytes(spec.text)
    command = COMMANDS[REPRESENTATIVE.index(id) % 3]
    ran = command_line(command, "spec.yaml", cwd=tmp_path)
    output = ran.stdout + ran.stderr
    assert ran.returncode == 1, output
    assert b"error[VC" in output
    assert b"Traceback" not in output
    assert b"do-not-show" not in output
    assert visible(output)
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


def test_harmless_text_on_the_command_line(tmp_path: Path) -> None:
    for spec in SPECS:
        if spec.expect == INERT and spec.where.endswith("summary"):
            (tmp_path / f"{spec.id}.yaml").write_bytes(spec.text)
    names = sorted(path.name for path in tmp_path.iterdir())
    ran = command_line("validate", *names, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert visible(ran.stdout + ran.stderr)
    for name in names[:2]:
        ran = command_line("show", name, cwd=tmp_path)
        assert ran.returncode == 0
        assert visible(ran.stdout + ran.stderr)


def test_hostile_file_names_are_shown_harmlessly(tmp_path: Path) -> None:
    for name in (
        "\x1b[2J.yaml",
        "a\nb.yaml",
        "\u202egnp.yaml",
        "$(touch PWNED).yaml",
        "-x.yaml",
        "::set-output.yaml",
    ):
        (tmp_path / name).write_text("a: 1\n")
    ran = command_line("validate", ".", cwd=tmp_path)
    assert ran.returncode == 1
    assert visible(ran.stdout + ran.stderr)
    assert b"Traceback" not in ran.stderr
    assert not (tmp_path / "PWNED").exists()


def test_the_memory_limit_is_real(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        try:
            bytearray(2**30)
        except MemoryError:
            print("refused")
    """)
    ran = subprocess.run([sys.executable, "-c", script], preexec_fn=limited, capture_output=True, text=True)
    assert ran.stdout == "refused\n"


def test_ids_are_unique_enough() -> None:
    wanted = Counter(spec.id for spec in SPECS)
    assert all(wanted[id] == 1 for id in REPRESENTATIVE)
    assert isinstance(SPECS[0], Filled)
