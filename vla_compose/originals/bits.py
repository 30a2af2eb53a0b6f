"""How far apart two tensors are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def flat(value: Any, name: str = "") -> dict[str, Tensor]:
    """The tensors in nested lists, each with its place in its name: `deepstack[0]`."""
    if isinstance(value, Tensor):
        return {name: value}
    if isinstance(value, Mapping):
        return {key: tensor for part, inner in value.items() for key, tensor in flat(inner, part).items()}
    if isinstance(value, list | tuple):
        return {
            key: tensor
            for at, part in enumerate(value)
            for key, tensor in flat(part, f"{name}[{at}]").items()
        }
    return {}


def differing_bits(left: Tensor, right: Tensor) -> int:
    """How many bits differ; all of the larger one where shape or type do."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return max(bits(left), bits(right))
    mine, theirs = _integers(left), _integers(right)
    if torch.equal(mine, theirs):
        return 0
    xor = torch.bitwise_xor(mine, theirs)
    return sum(int(((xor >> at) & 1).sum()) for at in range(8 * left.element_size()))


def bits(tensor: Tensor) -> int:
    """How many bits a tensor has."""
    return 8 * tensor.element_size() * tensor.numel()


def largest_difference(left: Tensor, right: Tensor) -> float | None:
    """The largest absolute difference; `None` where shapes differ or a difference is no number."""
    if left.shape != right.shape:
        return None
    if not left.numel():
        return 0.0
    found = (left.detach().double() - right.detach().double()).abs().max().item()
    return found if found < float("inf") else None


def _integers(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().view(_INTEGERS[tensor.element_size()])


def sha256(tensor: Tensor) -> str:
    """The SHA-256 of the bytes, in row-major order."""
    data = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
    return hashlib.sha256(data).hexdigest()
