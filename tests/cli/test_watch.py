"""`validate --watch` as a process of its own: what it prints, how soon, and how it ends."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.cli.test_app import CALL, ROOT
from vla_compose import check
from vla_compose.cli.watch import INTERVAL, SETTLE

pty = pytest.importorskip("pty")
# A shell starts what runs in its background deaf to Ctrl-C.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
BAD = ("out: text", "out: txt")
VALID = re.compile(r"spec is valid|specs are valid")
WRONG = re.compile(r"mistakes? in ")


class Watch:
    """A running `validate --watch`, with the time of each piece of its output."""

    def __init__(self, *arguments, terminal=False):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "",
            "TERM": "xterm",
            "COLUMNS": "80",
        }
        output, writer = pty.openpty() if terminal else os.pipe()
        command = [sys.executable, "-c", HEARING + CALL, "validate", "--watch", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, env=environment
        )
        os.close(writer)
        self.output = output
        self.pieces: queue.Queue[tuple[float, str]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = os.read(self.output, 65536)
            except OSError:
                data = b""
            if not data:
                return
            self.pieces.put((time.perf_counter(), data.decode()))

    def until(self, pattern, seconds=30.0):
        """What is printed until the pattern occurs, and when that was."""
        text, end = "", time.monotonic() + seconds
        while not re.search(pattern, text):
            when, piece = self.pieces.get(timeout=max(0.01, end - time.monotonic()))
            text += piece
        return text, when

    def silent(self, seconds):
        time.sleep(seconds)
        return self.pieces.empty()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors.decode()


@pytest.fixture
def watch():
    running = []

    def start(*arguments, **more):
        running.append(Watch(*arguments, **more))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()
        os.close(one.output)


def replace(path, text):
    """Save as editors do: a new file in the place of the old."""
    draft = path.with_suffix(".tmp")
    draft.write_text(text)
    os.replace(draft, path)


def test_it_checks_again_on_every_save_and_ends_with_ctrl_c(watch, spec):
    good = spec().read_text()
    path = spec("mine.yaml", BAD)
    bad = path.read_text()
    seen = watch(path.name)
    text, _ = seen.until(WRONG)
    assert "error[VC305]" in text
    path.write_text(good)
    text, _ = seen.until(VALID)
    assert text == "1 spec is valid\n"
    replace(path, bad)
    assert "error[VC305]" in seen.until(WRONG)[0]
    path.unlink()
    assert "error[VC001]: there is no file `mine.yaml`" in seen.until(WRONG)[0]
    path.write_text(good)
    seen.until(VALID)
    path.rename(path.with_suffix(".bak"))
    assert "VC001" in seen.until(WRONG)[0]
    path.with_suffix(".bak").rename(path)
    seen.until(VALID)
    assert seen.silent(0.3)
    assert seen.stop() == (0, "")


def test_a_change_costs_less_than_a_tenth_of_a_second(spec):
    """What happens between a save and the output: two looks, and one check, in CPU seconds."""
    path = spec("mine.yaml", BAD)
    check(path)
    started = time.process_time()
    for _ in range(10):
        check(path)
    assert INTERVAL + SETTLE + (time.process_time() - started) / 10 < 0.1


def test_a_folder_gains_and_loses_specs(watch, spec):
    path = spec("folder/a.yaml")
    seen = watch("folder")
    assert seen.until(VALID)[0] == "1 spec is valid\n"
    spec("folder/b.yaml", BAD)
    assert "1 mistake in 1 of 2 specs\n" in seen.until(WRONG)[0]
    path.unlink()
    assert "1 mistake in 1 spec\n" in seen.until(WRONG)[0]
    (path.parent / "b.yaml").unlink()
    time.sleep(1.5)
    spec("folder/c.yaml")
    assert seen.until(VALID)[0] == "1 spec is valid\n"
    code, err = seen.stop()
    assert code == 0
    assert "Traceback" not in err


def test_a_pipe_gets_a_line_a_run_in_other_formats_too(watch, spec):
    path = spec("mine.yaml", BAD)
    seen = watch(path.name, "--output-format", "concise")
    assert seen.until(WRONG)[0].splitlines() == [
        "mine.yaml:7:31: VC305 `txt` is no dim and no size of an input [fix: write `text`]",
        "1 mistake in 1 spec",
    ]
    assert seen.stop() == (0, "")


def test_a_terminal_is_cleared_and_printed_again(watch, spec):
    good = spec().read_text()
    path = spec("mine.yaml", BAD)
    seen = watch(path.name, terminal=True)
    text, _ = seen.until("Ctrl-C ends")
    assert text.startswith("\x1b[2J\x1b[H")
    assert "1 mistake in 1 spec" in text
    path.write_text(good)
    text, _ = seen.until("Ctrl-C ends")
    # The line end after the first prompt may have come with it, or comes now.
    assert text.lstrip("\r\n").startswith("\x1b[2J\x1b[H")
    assert "1 spec is valid" in text
    assert seen.stop() == (0, "")


def test_a_file_that_is_not_there_yet_is_waited_for(watch, spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = watch("later.yaml")
    assert "VC001" in seen.until(WRONG)[0]
    spec("later.yaml")
    seen.until(VALID)
    assert seen.stop() == (0, "")


def test_an_empty_folder_is_a_wrong_command_line(run, tmp_path):
    code, out, err = run("validate", "--watch", tmp_path)
    assert (code, out) == (2, "")
    assert "there is no *.yaml or *.yml file" in err
