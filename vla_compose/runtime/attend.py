"""Scaled dot-product attention, with heads that may share keys and values."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Attention of [batch, heads, queries, dim] to [batch, kv_heads, keys, dim].

    Returns [batch, queries, heads, dim].

    Without a mask, shared heads are left to torch; with one, keys and values are repeated, as transformers
    does it, because torch has no fast kernel for both.
    """
    batch, heads, queries, dim = query.shape
    groups = heads // key.shape[1]
    shared = groups > 1 and mask is None and dim <= 256
    if groups > 1 and not shared and queries == 1 and not torch.compiler.is_compiling():
        query = query.reshape(batch, heads // groups, groups, dim)
    elif groups > 1 and not shared:
        key = key[:, :, None].expand(-1, -1, groups, -1, -1).flatten(1, 2)
        value = value[:, :, None].expand(-1, -1, groups, -1, -1).flatten(1, 2)
    y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=shared)
    return y.reshape(batch, heads, queries, dim).transpose(1, 2).contiguous()
