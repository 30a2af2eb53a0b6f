"""Fill a module from a checkpoint: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from vla_compose.diagnostics import BuildError
from vla_compose.weights.checkpoint import Checkpoint
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.fit import FLOATS, check_fit

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are read, and with all that there are, `None` where that is not known yet."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was loaded, and from where.

    Attributes:
        source: the folder, file or repository.
        revision: the commit on the Hub; `None` on disk.
        layout: the name of the layout that the checkpoint is in.
        dims: every dim of the module.
        origins: where each dim comes from, in words.
        files: the files that hold the adapter.
        tensors: how many tensors were loaded.
        read_bytes: what was read: configuration, index, headers and the adapter.
        stored_bytes: the size of the whole checkpoint: configuration, index and all weights.
        stored_dtype: the types of the adapter in the checkpoint, such as `bfloat16`.
        dtype: the type that it has now.
    """

    source: str
    revision: str | None
    layout: str
    dims: Mapping[str, int]
    origins: Mapping[str, str]
    files: tuple[str, ...]
    tensors: int
    read_bytes: int
    stored_bytes: int
    stored_dtype: str
    dtype: str


_REPORTS: WeakKeyDictionary[nn.Module, LoadReport] = WeakKeyDictionary()


def report_of(module: nn.Module) -> LoadReport | None:
    """What `from_checkpoint` loaded into a module; `None` for a module that comes from elsewhere."""
    return _REPORTS.get(module)


def load_into(
    module: nn.Module,
    checkpoint: Checkpoint,
    names: Mapping[str, str],
    *,
    layout: str = "",
    prefix: str | None = None,
    origins: Mapping[str, str] = MappingProxyType({}),
    dims: Mapping[str, int] = MappingProxyType({}),
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Replace every parameter and buffer of a module by what a checkpoint stores.

    Headers are compared with the module before any weight is read, and the module changes only once all is
    read: on an error it is what it was. A module on the meta device gets memory.

    Args:
        module: made from a spec.
        checkpoint: opened by `open_checkpoint`.
        names: the name in the checkpoint of every state-dict entry.
        layout: its name, for the report.
        prefix: what every name there starts with; `None` if the checkpoint must hold nothing else.
        origins: where dims come from, for the report.
        dims: for the report.
        device: where parameters go; the CPU otherwise.
        dtype: what parameters are converted to; as stored otherwise.
        progress: called after each piece that is read.

    Returns:
        What was loaded; `report_of(module)` gives it again.

    Raises:
        CheckpointError: the checkpoint does not fit, or cannot be read.
        BuildError: there is no such device, or `dtype` holds no floating-point numbers.
    """
    target = _device(device)
    if dtype is not None and dtype not in FLOATS.values():
        known = ", ".join(map(str, FLOATS.values()))
        raise BuildError(f"weights cannot be converted to {dtype!r}: give one of {known}")
    wanted = module.state_dict(keep_vars=True)
    if wanted.keys() != names.keys():
        raise ValueError("`names` must name every entry of the state dict, and no other")
    final = check_fit(wanted, checkpoint.tensors, names, prefix=prefix, dtype=dtype)
    state = _read(checkpoint, names, target, final, progress)
    _check_whole(state, names, checkpoint)
    module.load_state_dict({ours: tensor for ours, (tensor, _) in state.items()}, strict=True, assign=True)
    _place_buffers(module, state, target, final)
    kinds = dict.fromkeys(checkpoint.tensors[theirs].dtype for theirs in names.values())
    report = LoadReport(
        source=checkpoint.where,
        revision=checkpoint.revision,
        layout=layout,
        dims=MappingProxyType(dict(dims)),
        origins=MappingProxyType(dict(origins)),
        files=tuple(sorted({checkpoint.tensors[theirs].file for theirs in names.values()})),
        tensors=len(names),
        read_bytes=checkpoint.read_bytes,
        stored_bytes=checkpoint.stored_bytes,
        stored_dtype=", ".join(str(FLOATS[kind]).removeprefix("torch.") for kind in kinds),
        dtype=str(final).removeprefix("torch."),
    )
    _REPORTS[module] = report
    return report


_State = dict[str, tuple[Tensor, int]]
"""Tensors by our names, each with the number of bytes that were written to it."""


def _read(
    checkpoint: Checkpoint,
    names: Mapping[str, str],
    device: torch.device,
    dtype: torch.dtype,
    progress: Progress | None,
) -> _State:
    stored = {ours: checkpoint.tensors[theirs] for ours, theirs in names.items()}
    total = sum(tensor.nbytes for tensor in stored.values())
    state: _State = {}
    before = checkpoint.read_bytes
    if progress is not None:
        show = progress
        checkpoint.listen(lambda read: show(read - before, total))
    # In the order of files, not of the state dict, so that a disk reads forward.
    for ours, tensor in sorted(stored.items(), key=lambda item: (item[1].file, item[1].begin)):
        memory = torch.empty(tensor.shape, dtype=FLOATS[tensor.dtype], device="cpu")
        written = checkpoint.read_into(tensor.name, memory)
        try:
            state[ours] = memory.to(device, dtype), written
        except (RuntimeError, AssertionError) as error:
            raise BuildError(f"torch cannot put weights on {device}: {_first_line(error)}") from None
    return state


def _check_whole(state: _State, names: Mapping[str, str], checkpoint: Checkpoint) -> None:
    """Every byte of every tensor was written: what is left out would be whatever the memory held before."""
    gone = [
        f"`{ours}`: {state[ours][1] if ours in state else 0:,} of {checkpoint.tensors[theirs].nbytes:,} bytes"
        for ours, theirs in names.items()
        if ours not in state or state[ours][1] != checkpoint.tensors[theirs].nbytes
    ]
    if gone:
        raise CheckpointError("tensors were not read whole; nothing was loaded", gone)


def _place_buffers(module: nn.Module, state: _State, device: torch.device, dtype: torch.dtype) -> None:
    """What no checkpoint holds, such as fixed positions, has values already; it follows the rest."""
    for part in module.modules():
        for name, buffer in part.named_buffers(recurse=False):
            if name in part._non_persistent_buffers_set:
                part._buffers[name] = buffer.to(device, dtype if buffer.is_floating_point() else None)
    empty = [name for name, value in (*module.named_parameters(), *module.named_buffers()) if value.is_meta]
    if empty:
        raise CheckpointError("no checkpoint holds values for these; this is a bug in vla_compose", empty)


def _device(device: torch.device | str | None) -> torch.device:
    try:
        found = torch.device("cpu" if device is None else device)
    except RuntimeError as error:
        raise BuildError(f"there is no device `{device}`: {_first_line(error)}") from None
    if found.type == "meta":
        raise BuildError("the meta device holds no weights: use `build` for a module without them")
    return found


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
