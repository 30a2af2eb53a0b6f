"""`make bench`: speed against the original classes. It prints one table, asserts nothing and writes nothing.

The two sides of a ratio run in one process on the same weights, one after the other in random order. Shown is
the median of the rounds with its 95 % interval. Times are CPU time on one thread, so that other work on the
machine disturbs them less.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import vla_compose
from demo.originals import ORIGINALS, differing, randomise
from vla_compose.compiled import _CLASSES, PREFIX, compiled
from vla_compose.types.dim import _substituted
from vla_compose.types.tensor import _substituted as _types

ROOT = Path(__file__).parents[1]
TINY: dict[str, dict[str, Any]] = {
    "qwen-vl": {"vision": 32, "text": 64, "queries": 16, "heads": 2},
    "qwen-vl-full": {"vision": 32, "text": 64, "queries": 16, "heads": 2},
    "qwen2-vl": {"vision": 32, "text": 32},
    "qwen2.5-vl": {"vision": 32, "text": 32},
    "qwen3-vl": {"vision": 32, "text": 32, "deepstack": 3},
    "hunyuan-ocr": {"vision": 32, "text": 32},
}
RELEASED: dict[str, dict[str, Any]] = {
    "qwen-vl": {"vision": 1664, "text": 4096, "queries": 256, "heads": 32},
    "qwen-vl-full": {"vision": 1664, "text": 4096, "queries": 256, "heads": 32},
    "qwen2-vl": {"vision": 1280, "text": 1536},
    "qwen2.5-vl": {"vision": 1280, "text": 2048},
    "qwen3-vl": {"vision": 1024, "text": 2048, "deepstack": 3},
    "hunyuan-ocr": {"vision": 1152, "text": 1024},
}
PAIRS = 8
"""Pairs of modules of a tiny forward, each made anew: where they lie in memory moves it by half a percent."""
ROUNDS = 50
"""Rounds of each such pair, of `CALLS` calls each side."""
CALLS = 20
SECONDS = 6.0
"""How long a forward of real size is measured, at least `FEWEST` rounds."""
FEWEST = 6


def main() -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 120
    shown = Table(box=None, pad_edge=False)
    for title, justify in (
        ("measured", "left"),
        ("target", "right"),
        ("median", "right"),
        ("95 %", "right"),
    ):
        shown.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    shown.add_column("", no_wrap=True)
    with console.status("") as status:
        for name, target, values, unit in measurements(status.update):
            low, middle, high = interval(values)
            over = "over" if target is not None and low > target else ""
            wanted = f"<= {target:.2f}{unit}" if target is not None else ""
            shown.add_row(name, wanted, f"{middle:.3f}{unit}", f"{low:.3f} to {high:.3f}", over)
    console.print(shown)
    threads, version = torch.get_num_threads(), torch.__version__
    console.print(f"Ratios are composed / original, {threads} thread, torch {version}.")
    return 0


def measurements(say: Callable[[str], None]) -> Iterator[tuple[str, float | None, list[float], str]]:
    """Every measurement: what, target, values, unit."""
    for name, dims in TINY.items():
        say(f"tiny forward: {name}")
        yield f"tiny forward, inference: {name}", 1.02, tiny(name, dims, inference=True), ""
        yield f"tiny forward, grad on: {name}", 1.02, tiny(name, dims, inference=False), ""
    for name, dims in RELEASED.items():
        for dtype in (torch.float32, torch.bfloat16):
            shown = str(dtype).removeprefix("torch.")
            say(f"forward at released size, {shown}: {name}")
            original, composed = pair(name, dims, dtype)
            inputs = features(name, dims, 32, dtype)
            with torch.inference_mode():
                yield f"released size, {shown}: {name}", 1.0, side_by_side(original, composed, inputs), ""
            del original, composed
    for name, dims in RELEASED.items():
        say(f"building on meta: {name}")
        yield (
            f"source and class, beyond torch's construction on meta: {name}",
            2.0,
            building(name, dims),
            " ms",
        )
        yield f"type check: {name}", None, checking(name, dims), " ms"
    say("vla-compose validate specs")
    yield "validate specs, CPU", 0.5, validating(), " s"


def interval(values: list[float]) -> tuple[float, float, float]:
    """The median, between the ranks that hold the true one 19 times in 20."""
    ordered = sorted(values)
    reach = int(0.98 * len(values) ** 0.5) + 1
    middle = len(values) // 2
    return ordered[max(0, middle - reach)], median(values), ordered[min(len(values) - 1, middle + reach)]


def pair(name: str, dims: dict[str, Any], dtype: torch.dtype = torch.float32) -> tuple[nn.Module, nn.Module]:
    """The original and the composed adapter on one set of parameters."""
    original = ORIGINALS[name].make(**dims)
    randomise(original, 0)
    original.to(dtype).eval()
    composed = vla_compose.build(name, device="meta", **dims).eval()
    weights = ORIGINALS[name].weights(original)
    composed.load_state_dict(
        {key: nn.Parameter(value, requires_grad="pos_embed" not in key) for key, value in weights.items()},
        assign=True,
    )
    return original, composed


def features(name: str, dims: dict[str, Any], side: int, dtype: torch.dtype) -> tuple[Any, ...]:
    """Random features of a grid of `side` times `side` patches."""
    source = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, dims["vision"], generator=source).to(dtype)

    if name.startswith("qwen-vl"):
        return (drawn(1, side * side),)
    if name == "hunyuan-ocr":
        return (drawn(1, side * side), (side, side))
    if name == "qwen3-vl":
        return (drawn(side * side), [drawn(side * side) for _ in range(dims["deepstack"])])
    return (drawn(side * side),)


def tiny(name: str, dims: dict[str, Any], *, inference: bool) -> list[float]:
    """Ratios of a forward of 64 patches, of several pairs."""
    ratios: list[float] = []
    for _ in range(PAIRS):
        forget()
        original, composed = pair(name, dims)
        with torch.inference_mode(inference):
            ratios += side_by_side(original, composed, features(name, dims, 8, torch.float32), CALLS)
    return ratios


def side_by_side(
    original: nn.Module, composed: nn.Module, inputs: tuple[Any, ...], calls: int = 1
) -> list[float]:
    """Ratios of the time of `calls` calls, composed to original, one a round."""
    different, _ = differing(as_list(original(*inputs)), as_list(composed(*inputs)))
    if different:
        raise SystemExit(f"{type(composed).__name__} gives other bits than {type(original).__name__}")
    ratios: list[float] = []
    order = random.Random(0)
    until = time.perf_counter() + SECONDS
    gc.collect()
    gc.disable()
    while len(ratios) < (ROUNDS if calls > 1 else FEWEST) or (calls == 1 and time.perf_counter() < until):
        taken = {}
        for module in order.sample((original, composed), 2):
            started = time.process_time()
            for _ in range(calls):
                module(*inputs)
            taken[module] = time.process_time() - started
        ratios.append(taken[composed] / taken[original])
    gc.enable()
    return ratios


def as_list(found: Any) -> Any:
    return [found] if isinstance(found, Tensor) else found


def building(name: str, dims: dict[str, Any]) -> list[float]:
    """Milliseconds from a checked spec to its class: source, its check and its compilation.

    What is left of a build on meta is torch's own construction of the module.
    """
    graph = vla_compose.compose(name, **dims)
    taken: list[float] = []
    for _ in range(40):
        forget()
        started = time.process_time()
        made = compiled(graph)
        taken.append(1000 * (time.process_time() - started))
        with torch.device("meta"):
            made()
    return taken[2:]


def checking(name: str, dims: dict[str, Any]) -> list[float]:
    """Milliseconds of the type check of a spec whose fields were read."""
    spec = vla_compose.load(name)
    taken: list[float] = []
    for _ in range(40):
        _substituted.cache_clear()
        _types.cache_clear()
        started = time.process_time()
        vla_compose.compose(spec, **dims)
        taken.append(1000 * (time.process_time() - started))
    return taken[2:]


def forget() -> None:
    """Drop every generated class, so that the next build writes and runs its source again."""
    _CLASSES.clear()
    for known in [known for known in sys.modules if known.startswith(PREFIX)]:
        del sys.modules[known]


def validating() -> list[float]:
    """CPU seconds of `vla-compose validate specs`, with the start of the interpreter."""
    seconds: list[float] = []
    command = [sys.executable, "-c", "from vla_compose.cli.app import main; main()", "validate", "specs"]
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return seconds[1:]  # the first may write byte code


if __name__ == "__main__":
    sys.exit(main())
