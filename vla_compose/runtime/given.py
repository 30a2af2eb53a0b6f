"""What `forward` was given, for a message that says what it should have been."""

from __future__ import annotations

from torch import Tensor


def given(value: object) -> str:
    """A few words on a value of any kind."""
    if not isinstance(value, Tensor):
        return f"is {value!r:.60}"
    inside = f": {value.tolist()}" if value.numel() <= 12 and not value.is_floating_point() else ""
    return f"is {value.dtype} of the shape {list(value.shape)}{inside}"
