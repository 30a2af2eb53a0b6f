"""A mask of keys for attention."""

from __future__ import annotations

import torch
from torch import Tensor


def key_mask(mask: Tensor | None, queries: int, own: bool) -> Tensor | None:
    """From [batch, keys], true for real tokens, to [batch, 1, queries, keys]; `None` when nothing is hidden.

    With `own` the queries follow the keys, and are never hidden.
    """
    if mask is None:
        return None
    mask = mask.to(torch.bool)
    if own:
        mask = torch.cat([mask, mask.new_ones(mask.shape[0], queries)], dim=-1)
    if not torch.compiler.is_compiling() and mask.all():
        return None
    return mask[:, None, None, :].expand(-1, -1, queries, -1)
