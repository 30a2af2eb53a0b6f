"""`make demo`: the shipped specs, composed, on a photograph, in place of the adapters they describe.

Each vision tower is the code of `transformers` at a small size with random weights, so nothing is downloaded.
It runs once with its own adapter and once with the composed one, which holds the same weights, and every bit
of the two outputs is compared. Ends with code 1 if one differs.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

from rich.console import Console
from rich.table import Table

import vla_compose

if TYPE_CHECKING:
    from torch import nn

    from demo.towers import Tower

NAMES = ("qwen-vl", "qwen-vl-full", "qwen2-vl", "qwen2.5-vl", "qwen3-vl", "hunyuan-ocr")
SECONDS = 1.0
"""How long the two forwards of an adapter are timed."""


@dataclass
class Result:
    """What came of one adapter. `bits` are those that differ and all that there are, by dtype."""

    name: str
    tokens_in: int
    tokens_out: list[int]
    parameters: int
    ratio: float
    bits: dict[str, tuple[int, int]] = field(default_factory=dict)


def main() -> int:
    warnings.simplefilter("ignore")  # those of torch and transformers; the project's tests fail on any
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 100
    started = time.perf_counter()

    with console.status("checking specs"):
        mistakes = [mistake for name in NAMES for mistake in vla_compose.check(name)]
    if mistakes:
        console.print("\n".join(map(str, mistakes)), markup=False)
        return 1
    console.print(
        f"{len(NAMES)} specs are valid, checked without torch in {time.perf_counter() - started:.1f} s."
    )

    results: list[Result] = []
    noticed: list[int] = []
    with console.status("loading torch and transformers") as status:
        from demo.towers import prepare

        for name in NAMES:
            status.update(f"{name}: the vision tower reads the photograph")
            tower = prepare(name)
            status.update(f"{name}: the composed adapter takes its place")
            composed = vla_compose.build(name, **tower.dims).eval()
            results.append(compare(name, tower, composed))
            noticed.append(flipped(tower, composed))
    console.print(table(results))

    wrong = [result.name for result in results if any(different for different, _ in result.bits.values())]
    if wrong:
        console.print(f"Bits differ: {', '.join(wrong)}.")
    elif not all(noticed):
        console.print("A comparison is blind: it saw nothing when one bit of one weight was flipped.")
    else:
        total = sum(of for result in results for _, of in result.bits.values())
        console.print(
            f"All {total:,} bits are equal; flip one bit of a weight and {min(noticed):,} or more differ."
        )
        console.print("Towers are small and their weights random. The photograph is demo/photo.jpg (CC0).")
    return 0 if all(noticed) and not wrong else 1


def compare(name: str, tower: Tower, composed: nn.Module) -> Result:
    """Run the tower with its own adapter and with the composed one, and time both on its features."""
    import torch

    from demo.originals import ORIGINALS, differing

    composed.load_state_dict(ORIGINALS[name].weights(tower.original))
    with torch.inference_mode():
        inputs = tower.inputs()
        expected, found = tower.run(tower.original), tower.run(composed)
        ratio = timed(tower.original, composed, inputs)
        result = Result(
            name,
            tokens_in=inputs[0].shape[-2],
            tokens_out=[tensor.shape[-2] for tensor in found],
            parameters=sum(parameter.numel() for parameter in composed.parameters()),
            ratio=ratio,
        )
        result.bits["float32"] = differing(expected, found)
        tower.to(torch.bfloat16)
        composed.to(torch.bfloat16)
        result.bits["bfloat16"] = differing(tower.run(tower.original), tower.run(composed))
    return result


def flipped(tower: Tower, composed: nn.Module) -> int:
    """How many bits of the output differ after one bit of one bias is flipped: the comparison must see it."""
    import torch

    from demo.originals import differing

    with torch.inference_mode():
        bias = [parameter for name, parameter in composed.named_parameters() if name.endswith("bias")][-1]
        bits = bias[:1].view(torch.int16)
        bits ^= 1 << 6  # the highest bit of a bfloat16's fraction
        different, _ = differing(tower.run(tower.original), tower.run(composed))
        bits ^= 1 << 6
    return different


def timed(original: nn.Module, composed: nn.Module, inputs: tuple[Any, ...]) -> float:
    """Median ratio of the two times on one thread; a round is one call of each, in changing order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ratios: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(ratios) < 7 or time.perf_counter() < until:
        taken = {}
        for module in (original, composed) if len(ratios) % 2 else (composed, original):
            started = time.perf_counter()
            module(*inputs)
            taken[module] = time.perf_counter() - started
        ratios.append(taken[composed] / taken[original])
    torch.set_num_threads(threads)
    return median(ratios)


def table(results: list[Result]) -> Table:
    """One line an adapter."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("adapter", no_wrap=True)
    bits = ("bits off,\nfloat32", "bits off,\nbfloat16")
    for title in ("patches", "tokens", "parameters", *bits, "time to\noriginal"):
        shown.add_column(title, justify="right", no_wrap=True)
    for result in results:
        first, *others = result.tokens_out
        shown.add_row(
            result.name,
            f"{result.tokens_in:,}",
            f"{1 + len(others)} x {first:,}" if others else f"{first:,}",
            f"{result.parameters:,}",
            *(
                ("[red]{:,}[/]" if different else "{:,}").format(different)
                for different, _ in result.bits.values()
            ),
            f"{result.ratio:.2f}",
        )
    return shown


if __name__ == "__main__":
    sys.exit(main())
