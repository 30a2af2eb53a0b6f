"""Qwen-VL's resampler, formulated anew: explicit sums, no `nn.MultiheadAttention`, no `nn.LayerNorm`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """Holds a weight and a bias."""

    def __init__(self, *shape: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*shape))
        if bias:
            self.bias = nn.Parameter(torch.empty(shape[0]))


class Attention(nn.Module):
    """Holds the packed weights of an attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = Affine(width, width)


def layer_norm(x: Tensor, norm: Affine, eps: float = 1e-6) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).sum(-1, keepdim=True) / x.shape[-1]
    return centred / (variance + eps).sqrt() * norm.weight + norm.bias


def keys_positions(table: Tensor, count: int) -> Tensor:
    """The table of the queries, fitted to the grid of the keys; in float32, as the original does it."""
    side, wanted = round(table.shape[0] ** 0.5), round(count**0.5)
    if side == wanted:
        return table
    image = table.float().T.reshape(1, -1, side, side)
    fitted = nn.functional.interpolate(image, size=(wanted, wanted), mode="bicubic", align_corners=False)
    return fitted.reshape(-1, count).T.to(table.dtype)


class Resampler(nn.Module):
    """Learned queries read the patches, with positions on both and an optional mask."""

    def __init__(self, width: int, side: int, heads: int, vision: int | None) -> None:
        super().__init__()
        self.heads = heads
        self.pos_embed = nn.Parameter(torch.empty(side * side, width), requires_grad=False)
        self.query = nn.Parameter(torch.empty(side * side, width))
        if vision is not None:
            self.kv_proj = Affine(width, vision, bias=False)
        self.attn = Attention(width)
        self.ln_q = Affine(width)
        self.ln_kv = Affine(width)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        if hasattr(self, "kv_proj"):
            x = torch.einsum("bki,oi->bko", x, self.kv_proj.weight)
        values = layer_norm(x, self.ln_kv)
        keys = values + keys_positions(self.pos_embed, x.shape[1])
        queries = layer_norm(self.query, self.ln_q) + self.pos_embed
        asked, found, said = (
            torch.einsum("...i,hdi->...hd", part, weight) + bias
            for part, weight, bias in zip(
                (queries, keys, values),
                self.attn.in_proj_weight.reshape(3, self.heads, -1, values.shape[-1]),
                self.attn.in_proj_bias.reshape(3, self.heads, -1),
                strict=True,
            )
        )
        scores = torch.einsum("qhd,bkhd->bhqk", asked, found) / asked.shape[-1] ** 0.5
        if attn_mask is not None:
            added = attn_mask if attn_mask.is_floating_point() else torch.where(attn_mask, -torch.inf, 0.0)
            scores = scores + added
        weights = torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))
        mixed = torch.einsum("bhqk,bkhd->bqhd", weights, said).flatten(2)
        return torch.einsum("bqi,oi->bqo", mixed, self.attn.out_proj.weight) + self.attn.out_proj.bias


class Tail(nn.Module):
    """The resampler, a norm and a projection, as Qwen-VL's vision tower ends."""

    def __init__(self, width: int, side: int, heads: int, vision: int | None) -> None:
        super().__init__()
        self.attn_pool = Resampler(width, side, heads, vision)
        self.ln_post = Affine(width)
        self.proj = nn.Parameter(torch.empty(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bqi,io->bqo", layer_norm(self.attn_pool(x), self.ln_post), self.proj)
