"""The header of a safetensors file: which tensors it holds, their types and shapes, where their bytes lie.

Every number is checked against the size of the file, so that what follows can trust it. The format is
https://huggingface.co/docs/safetensors/index#format; names are held to what a state dict has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vla_compose.weights import strict_json
from vla_compose.weights.errors import CheckpointError, shown

PREFIX = 8
"""A file starts with the length of its header: eight bytes, little endian."""
MAX_HEADER = 100_000_000
MAX_BYTES = 2**53
MAX_AXES = 16
MAX_NAME = 512
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
_PART = r"(?!__[^.]*__(?![^.]))[A-Za-z0-9_/:@+-]+"
_NAME = re.compile(rf"{_PART}(?:\.{_PART})*")
_LFS = b"version "
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file: its dtype as the format calls it, such as `BF16`, and the range of its bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str
    begin: int
    end: int

    @property
    def nbytes(self) -> int:
        """How many bytes its data take."""
        return self.end - self.begin


def header_size(start: bytes, size: int, file: str) -> int:
    """The length of a header.

    Args:
        start: the first bytes of the file, at least eight unless it is shorter.
        size: of the file, in bytes.
        file: its name, for messages.

    Raises:
        CheckpointError: this is no safetensors file, or the header is longer than the file.
    """
    length = int.from_bytes(start[:PREFIX], "little") if len(start) >= PREFIX and size >= PREFIX else None
    if length is not None and length <= MAX_HEADER and length + PREFIX <= size:
        return length
    # Only now: a good file can start like a pickle.
    if start.startswith(_LFS):
        raise CheckpointError(
            f"{shown(file)} is a Git LFS pointer, not the weights: run `git lfs pull` in its folder"
        )
    if start.startswith(_PICKLES):
        raise CheckpointError(
            f"{shown(file)} is a pickle, which can run code, and is never loaded: convert it to safetensors"
        )
    if length is None:
        raise CheckpointError(_broken(file, f"it has only {size} bytes"))
    if length > MAX_HEADER:
        why = f"its header claims {length:,} bytes; the limit is {MAX_HEADER:,}"
        raise CheckpointError(_broken(file, why))
    why = f"its header claims {length:,} bytes, but the file has {size:,}"
    raise CheckpointError(_broken(file, why))


def parse_header(data: bytes, size: int, file: str) -> dict[str, Stored]:
    """The tensors of a file, by name.

    Args:
        data: the header without the eight bytes before it.
        size: of the whole file, in bytes.
        file: its name, for messages.

    Raises:
        CheckpointError: the header is not what the format says, or does not fit the file.
    """
    try:
        if not data.startswith(b"{"):
            raise strict_json.JsonError("it does not start with `{`")
        found = strict_json.parse(data)
    except strict_json.JsonError as error:
        raise CheckpointError(_broken(file, f"its header is no JSON object: {error}")) from None
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError(_broken(file, "its `__metadata__` does not map text to text"))
    offset = PREFIX + len(data)
    tensors = {name: _tensor(name, value, offset, file) for name, value in found.items()}
    _check_layout(tensors.values(), offset, size, file)
    return tensors


def _tensor(name: str, value: Any, offset: int, file: str) -> Stored:
    if not is_name(name):
        raise CheckpointError(_broken(file, f"{shown(name)} is no name of a tensor"))
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(
            _broken(file, f"{shown(name)} needs dtype, shape and data_offsets, nothing else")
        )
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        what = shown(dtype) if isinstance(dtype, str) else "no text"
        raise CheckpointError(
            _broken(file, f"the dtype of {shown(name)} is {what}, which is none of the format")
        )
    if not _sizes(shape) or len(shape) > MAX_AXES:
        raise CheckpointError(_broken(file, f"the shape of {shown(name)} is no list of sizes"))
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise CheckpointError(_broken(file, f"the data_offsets of {shown(name)} are no range"))
    bits, largest = BITS[dtype], BITS[dtype]
    for length in shape:
        bits *= length
        largest *= length or 1
        if largest > MAX_BYTES * 8:
            raise CheckpointError(_broken(file, f"the shape of {shown(name)} is too large for any file"))
    begin, end = offsets
    if bits != (end - begin) * 8:
        raise CheckpointError(
            _broken(
                file,
                f"{shown(name)}, {dtype} of shape {shape}, takes {-(-bits // 8):,} bytes, "
                f"but its data_offsets span {end - begin:,}",
            )
        )
    return Stored(name, dtype, tuple(shape), file, offset + begin, offset + end)


def _check_layout(tensors: Iterable[Stored], offset: int, size: int, file: str) -> None:
    """The data must fill the file: no hole, no overlap, no byte too many or too few."""
    at = offset
    for tensor in sorted(tensors, key=lambda stored: (stored.begin, stored.end)):
        if tensor.begin < at:
            raise CheckpointError(_broken(file, f"{shown(tensor.name)} overlaps another tensor"))
        if tensor.begin > at:
            raise CheckpointError(
                _broken(file, f"{tensor.begin - at:,} bytes before {shown(tensor.name)} are unused")
            )
        at = tensor.end
    if at > size:
        raise CheckpointError(_broken(file, f"its tensors need {at:,} bytes, but the file has {size:,}"))
    if at < size:
        raise CheckpointError(_broken(file, f"{size - at:,} bytes after the last tensor are unused"))


def is_name(name: str) -> bool:
    """Whether a state dict can have that name: parts of letters, digits and `_/:@+-`, none `__special__`."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def _sizes(value: object) -> bool:
    if not isinstance(value, list):
        return False
    for item in value:  # noqa: SIM110 - this runs for every tensor, and `all` is twice as slow
        # `True` and `1.0` are no sizes.
        if type(item) is not int or item < 0:
            return False
    return True


def _broken(file: str, why: str) -> str:
    return f"{shown(file)} is no valid safetensors file: {why}; download it again, or name another file"
