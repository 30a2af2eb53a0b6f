import io
import os
import pty
import re
import select
import subprocess
import sys

import pytest
from safetensors.torch import save_file

import vla_compose
from vla_compose.weights.progress import DELAY, shown_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told to."""
    now = [100.0]
    monkeypatch.setattr("vla_compose.weights.progress.time.monotonic", lambda: now[0])
    return now


def drawn(monkeypatch, stream, clock, seconds, **more):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with shown_progress("reading x", **more) as show:
        show(1, None)
        clock[0] += seconds
        show(2**20, 2**21)
    return stream.getvalue()


def test_what_is_quick_draws_nothing(monkeypatch, clock):
    assert drawn(monkeypatch, Terminal(), clock, DELAY - 0.1) == ""


def test_what_takes_two_seconds_draws_a_bar(monkeypatch, clock):
    assert DELAY == 2
    text = drawn(monkeypatch, Terminal(), clock, DELAY)
    assert "reading x" in text
    assert "1.0/2.0 MiB" in text


def test_a_pipe_stays_empty(monkeypatch, clock):
    assert drawn(monkeypatch, io.StringIO(), clock, 60) == ""


def test_a_dumb_terminal_stays_empty(monkeypatch, clock):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    with shown_progress("reading x") as show:
        clock[0] += 60
        show(1, 2)
    assert stream.getvalue() == ""


def test_a_bar_that_is_wanted_comes_at_once(monkeypatch, clock):
    assert "reading x" in drawn(monkeypatch, Terminal(), clock, 0, wanted=True)
    assert drawn(monkeypatch, Terminal(), clock, 60, wanted=False) == ""


SLOW = """
import sys, time
from vla_compose.weights.local import LocalStore
real = LocalStore.copy
def copy(self, *more):
    time.sleep(0.45)
    return real(self, *more)
LocalStore.copy = copy
sys.argv = ["vla-compose", "build", "qwen2-vl", "--checkpoint", sys.argv[1]]
from vla_compose.cli.app import main
main()
"""


def test_a_slow_checkpoint_on_a_real_terminal_and_in_a_pipe(tmp_path):
    small = vla_compose.build("qwen2-vl", vision=8, text=12)
    save_file(small.state_dict(), tmp_path / "model.safetensors")
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    ours, theirs = pty.openpty()
    piped = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as shown:
            os.close(theirs)
            text = b""
            while select.select([ours], [], [], 60)[0]:
                try:
                    part = os.read(ours, 4096)
                except OSError:  # how a terminal says that the other side has closed
                    break
                if not part:
                    break
                text += part
            assert shown.stdout is not None
            out = shown.stdout.read()
        assert shown.returncode == 0
        assert b"reading qwen2-vl" in text
        assert re.search(rb"[0-9.]+/[0-9.]+ KiB", text)
        # The bar is for the eyes: the table on stdout is that of a pipe, in both.
        plain, errors = piped.communicate(timeout=60)
        assert plain == out
        assert plain.startswith(b"weights\n")
        assert errors == b""
    finally:
        os.close(ours)
        piped.kill()
        piped.wait()
