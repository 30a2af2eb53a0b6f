"""Fuzz the parts that read untrusted text. `make fuzz` runs this.

    python fuzz/run.py                          all targets, 10 minutes each
    python fuzz/run.py -t check -s 60           one target, one minute
    python fuzz/run.py -n 200000                so many executions of each
    python fuzz/run.py -r FILE -t reader        run one input again

With atheris (https://github.com/google/atheris) the fuzzer is guided by coverage and keeps what it learns in
.cache/fuzz; without it, hypothesis makes the inputs. A finding is written to .cache/fuzz/TARGET-crash-... and
ends the run with exit code 1. Once it is fixed, its file moves to fuzz/findings/TARGET: the tests run it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from fuzz.corpus import seeds  # noqa: E402
from fuzz.mutate import mutated  # noqa: E402

TARGETS = ("reader", "check", "expression", "pattern")
SECONDS_EACH = 10
"""Longest time of one execution, instrumented and on a busy machine."""
LONGEST = {"reader": 4096, "check": 6000, "expression": 250, "pattern": 250}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-t", "--target", action="append", choices=TARGETS, help="what to fuzz (default: all)"
    )
    parser.add_argument("-s", "--seconds", type=int, default=600, help="for each target (default: 600)")
    parser.add_argument("-n", "--executions", type=int, default=0, help="at most so many of each target")
    parser.add_argument(
        "-e", "--engine", choices=("atheris", "hypothesis"), help="default: atheris if installed"
    )
    parser.add_argument("-r", "--replay", type=Path, metavar="FILE", help="run this input and nothing else")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "fuzz", help="corpus and findings")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    targets = given.target or list(TARGETS)
    if given.replay is not None:
        for target in targets:
            _function(target)(given.replay.read_bytes())
        return 0
    engine = given.engine or ("atheris" if importlib.util.find_spec("atheris") else "hypothesis")
    if given.inside:
        _atheris(targets[0], given.seconds, given.executions, given.cache)
    total, broken, started = 0, 0, time.monotonic()
    for target in targets:
        began = time.monotonic()
        if engine == "atheris":
            executions, finding = _in_a_process(target, given.seconds, given.executions, given.cache)
        else:
            executions, finding = _hypothesis(target, given.seconds, given.executions, given.cache)
        total, broken = total + executions, broken + (finding is not None)
        took = time.monotonic() - began
        print(
            f"{target:<11} {executions:>9,} executions  {took:>7.1f} s  {finding or 'no finding'}", flush=True
        )
    took = time.monotonic() - started
    print(f"{'total':<11} {total:>9,} executions  {took:>7.1f} s  {broken} findings  ({engine})")
    return 1 if broken else 0


def _function(target: str) -> Callable[[bytes], None]:
    from fuzz.targets import TARGETS as functions

    return functions[target]


# --- atheris ---


def _in_a_process(target: str, seconds: int, executions: int, cache: Path) -> tuple[int, str | None]:
    """Run atheris in a process of its own, because libFuzzer ends the process it runs in."""
    cache.mkdir(parents=True, exist_ok=True)
    log = cache / f"{target}.log"
    command = [sys.executable, __file__, "--inside", "-t", target, "-s", str(seconds), "-n", str(executions)]
    with log.open("w") as stream:
        ran = subprocess.run([*command, "--cache", str(cache)], stdout=stream, stderr=subprocess.STDOUT)
    text = log.read_text("utf-8", "replace")
    done = re.findall(r"^Done (\d+) runs", text, re.M) or re.findall(r"^#(\d+)\s", text, re.M) or ["0"]
    return int(done[-1]), f"see {log}" if ran.returncode else None


def _atheris(target: str, seconds: int, executions: int, cache: Path) -> None:
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["yaml", "vla_compose"], enable_loader_override=False):
        function = _function(target)
    folder, started = cache / target, cache / f"{target}-seeds"
    for path in (folder, started):
        path.mkdir(parents=True, exist_ok=True)
    for seed in seeds(target):
        (started / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST[target]}",
        f"-timeout={SECONDS_EACH}",
        "-rss_limit_mb=2048",
        f"-dict={ROOT / 'fuzz' / 'yaml.dict'}",
        f"-artifact_prefix={cache / target}-",
        "-print_final_stats=1",
        *([f"-runs={executions}"] if executions else []),
    ]
    pool = [seed.decode("utf-8", "replace") for seed in seeds("check")]

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        random_ = random.Random(seed)
        if random_.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        text = mutated(data.decode("utf-8", "replace"), random_, random_.choice(pool))
        return text.encode("utf-8", "replace")[:max_size]

    guided = {"custom_mutator": mutator} if target == "check" else {}
    atheris.Setup([sys.argv[0], *options, str(folder), str(started)], function, **guided)
    atheris.Fuzz()


# --- hypothesis ---


def _hypothesis(target: str, seconds: int, executions: int, cache: Path) -> tuple[int, str | None]:
    """Mutate seeds until the time is over, in rounds of a thousand; hypothesis shrinks what breaks."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    function, count, last = _function(target), 0, b""
    ends = time.monotonic() + seconds
    pool = [seed for seed in seeds(target) if len(seed) <= LONGEST[target]]
    texts = [seed.decode("utf-8", "replace") for seed in pool]
    changed = st.builds(
        lambda text, other, random_: mutated(text, random_, other).encode("utf-8", "replace"),
        st.sampled_from(texts),
        st.sampled_from(texts),
        st.randoms(use_true_random=False),
    )
    inputs = changed | st.sampled_from(pool) | st.binary(max_size=200) | st.text(max_size=80).map(str.encode)
    if target in ("expression", "pattern"):
        inputs |= st.text("ab1209()+-*/% pcked", max_size=40).map(str.encode)

    def one(data: bytes) -> None:
        nonlocal count, last
        if time.monotonic() < ends and (not executions or count < executions):
            count, last = count + 1, data
            function(data)

    round_ = 0
    while time.monotonic() < ends and (not executions or count < executions):
        round_ += 1
        fuzzed = settings(
            max_examples=min(1000, executions - count if executions else 1000),
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(inputs)(one))
        try:
            fuzzed()
        except Exception as error:
            cache.mkdir(parents=True, exist_ok=True)
            path = cache / f"{target}-crash-{hashlib.sha256(last).hexdigest()[:16]}"
            path.write_bytes(last)
            return count, f"{type(error).__name__}: {error} ({os.fspath(path)})"
    return count, None


if __name__ == "__main__":
    sys.exit(main())
