"""Whether what is stored fits a module: checked on headers alone, before any weight is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from vla_compose.weights.errors import MOST, CheckpointError, shown
from vla_compose.weights.headers import Stored
from vla_compose.weights.similar import similar

FLOATS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def check_fit(
    wanted: Mapping[str, Tensor],
    stored: Mapping[str, Stored],
    names: Mapping[str, str],
    *,
    prefix: str | None = None,
    dtype: torch.dtype | None = None,
) -> torch.dtype:
    """Compare a state dict with the tensors of a checkpoint.

    Args:
        wanted: the state dict, which may be on the meta device.
        stored: what the checkpoint holds, by its names.
        names: the name there of every entry of ours.
        prefix: what every name there starts with; `None` if the checkpoint holds nothing else.
        dtype: what the tensors are converted to; they must agree on one otherwise.

    Returns:
        The dtype that the module gets.

    Raises:
        CheckpointError: tensors are missing, left over, or of another shape or type; all of them are listed.
    """
    wrong = [*_missing(stored, names), *_left_over(stored, names, prefix)]
    wrong += [*_misshapen(wanted, stored, names), *_no_floats(stored, names)]
    if wrong:
        summary = "the checkpoint does not fit the adapter; nothing was loaded"
        raise CheckpointError(f"{summary}: name another checkpoint, layout or spec", wrong)
    if dtype is not None:
        return dtype
    kinds = Counter(stored[theirs].dtype for theirs in names.values())
    if not kinds:
        return torch.get_default_dtype()
    if len(kinds) > 1:
        (most, _), *_ = kinds.most_common()
        others = [
            f"{shown(theirs)} is {stored[theirs].dtype}"
            for theirs in names.values()
            if stored[theirs].dtype != most
        ]
        fix = str(FLOATS[most]).removeprefix("torch.")
        raise CheckpointError(
            f"the adapter is stored in several types, mostly {most}: choose what to convert to, such as "
            f"`dtype=torch.{fix}` (`--dtype {fix}`)",
            others,
        )
    return FLOATS[next(iter(kinds))]


def _among(stored: Mapping[str, Stored], names: Mapping[str, str], prefix: str | None) -> list[str]:
    """Names that stand among those of the adapter, but are none of them.

    Among them is what shares its first part after the prefix with one of them.
    """
    mapped = set(names.values())
    others = [name for name in stored if name not in mapped]
    if prefix is None:
        return others
    tops = {_top(theirs, prefix) for theirs in mapped}
    return [name for name in others if name.startswith(prefix) and _top(name, prefix) in tops]


def _top(name: str, prefix: str) -> str:
    return name[len(prefix) :].split(".")[0]


def _missing(stored: Mapping[str, Stored], names: Mapping[str, str]) -> Iterator[str]:
    gone = {ours: theirs for ours, theirs in names.items() if theirs not in stored}
    mapped = set(names.values())
    near = similar(list(gone.values())[:MOST], (name for name in stored if name not in mapped))
    for ours, theirs in gone.items():
        own = "" if ours == theirs else f", our `{ours}`"
        hint = f"; the nearest is {shown(near[theirs])}" if theirs in near else ""
        yield f"missing: {shown(theirs)}{own}{hint}"


def _left_over(stored: Mapping[str, Stored], names: Mapping[str, str], prefix: str | None) -> Iterator[str]:
    found = _among(stored, names, prefix)
    near = similar(found[:MOST], names.values())
    for name in found:
        hint = f"; the nearest that it has is {shown(near[name])}" if name in near else ""
        yield f"left over: {shown(name)} is no parameter of the adapter{hint}"


def _misshapen(
    wanted: Mapping[str, Tensor], stored: Mapping[str, Stored], names: Mapping[str, str]
) -> Iterator[str]:
    for ours, theirs in names.items():
        found = stored.get(theirs)
        if found is not None and found.shape != tuple(wanted[ours].shape):
            yield f"shape: {shown(theirs)} is {_shape(found.shape)}, not {_shape(tuple(wanted[ours].shape))}"


def _no_floats(stored: Mapping[str, Stored], names: Mapping[str, str]) -> Iterator[str]:
    for theirs in names.values():
        found = stored.get(theirs)
        if found is not None and found.dtype not in FLOATS:
            why = "is quantised" if found.dtype.startswith("F") else "holds no floating-point numbers"
            yield f"type: {shown(theirs)} {why} ({found.dtype}), not one of {', '.join(FLOATS)}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
