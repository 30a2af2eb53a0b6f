"""The six adapters as their authors wrote them, behind one interface, for `demo/run.py` and `bench/run.py`.

Four come from `transformers`. Qwen-VL is not in there: its resampler is written out here, on
`torch.nn.MultiheadAttention` as in the original, and shares no code with `vla_compose`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.hunyuan_vl.configuration_hunyuan_vl import HunYuanVLVisionConfig
from transformers.models.hunyuan_vl.modeling_hunyuan_vl import HunYuanVLVisionPatchMerger
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLPatchMerger
from transformers.models.qwen2_vl.modeling_qwen2_vl import PatchMerger
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionPatchMerger

# sizes by name, as `vla_compose.build` takes them
Dims = dict[str, Any]


class Resampler(nn.Module):
    """Qwen-VL: learned queries read the patches through one attention layer."""

    def __init__(self, *, vision: int, text: int, queries: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(queries, text) * 0.02)
        self.pos_embed = nn.Parameter(_waves(text, round(queries**0.5)), requires_grad=False)
        self.kv_proj = nn.Linear(vision, text, bias=False)
        self.ln_q = nn.LayerNorm(text, eps=1e-6)
        self.ln_kv = nn.LayerNorm(text, eps=1e-6)
        self.attn = nn.MultiheadAttention(text, heads)

    def forward(self, x: Tensor) -> Tensor:
        batch, patches, _ = x.shape
        grid, own = round(patches**0.5), round(len(self.pos_embed) ** 0.5)
        where: Tensor = self.pos_embed
        if grid != own:
            image = where.float().reshape(1, own, own, -1).permute(0, 3, 1, 2)
            image = F.interpolate(image, size=(grid, grid), mode="bicubic", align_corners=False)
            where = image.permute(0, 2, 3, 1).flatten(0, 2).to(self.pos_embed.dtype)
        value = self.ln_kv(self.kv_proj(x)).permute(1, 0, 2)
        asked = self.ln_q(self.query).unsqueeze(1).repeat(1, batch, 1) + self.pos_embed.unsqueeze(1)
        found, _ = self.attn(asked, value + where.unsqueeze(1), value)
        return found.permute(1, 0, 2)


def _waves(width: int, side: int) -> Tensor:
    """Sines and cosines of the column, then of the row."""
    steps = torch.arange(width // 4, dtype=torch.float64) / (width // 4)
    angle = torch.outer(torch.arange(side, dtype=torch.float64), 10000.0**-steps)
    wave = torch.cat([angle.sin(), angle.cos()], dim=1).float()
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.cat([wave[column.flatten()], wave[row.flatten()]], dim=1)


class ResamplerFull(nn.Module):
    """Qwen-VL as released: the resampler, a norm, and a matrix without bias."""

    def __init__(self, **dims: int) -> None:
        super().__init__()
        self.attn_pool = Resampler(**dims)
        self.ln_post = nn.LayerNorm(dims["text"], eps=1e-6)
        self.proj = nn.Parameter(torch.randn(dims["text"], dims["text"]) * dims["text"] ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln_post(self.attn_pool(x)) @ self.proj


class Qwen3Mergers(nn.Module):
    """Qwen3-VL's merger and its DeepStack mergers, called as the vision tower calls them."""

    def __init__(self, merger: nn.Module, deepstack_merger_list: nn.ModuleList) -> None:
        super().__init__()
        self.merger = merger
        self.deepstack_merger_list = deepstack_merger_list

    def forward(self, x: Tensor, deepstack: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        found = []
        for at in range(len(deepstack)):
            found.append(self.deepstack_merger_list[at](deepstack[at]))
        return self.merger(x), found


def _qwen3(*, vision: int, text: int, deepstack: int) -> nn.Module:
    config = Qwen3VLVisionConfig(hidden_size=vision, out_hidden_size=text)
    more = [Qwen3VLVisionPatchMerger(config, use_postshuffle_norm=True) for _ in range(deepstack)]
    return Qwen3Mergers(Qwen3VLVisionPatchMerger(config), nn.ModuleList(more))


def _hunyuan(*, vision: int, text: int) -> nn.Module:
    return HunYuanVLVisionPatchMerger(HunYuanVLVisionConfig(hidden_size=vision, text_hidden_size=text))


@dataclass(frozen=True)
class Original:
    """One adapter: how to make it, and what its parameters are called in released checkpoints."""

    name: str
    make: Callable[..., nn.Module]
    renamed: tuple[tuple[str, str], ...] = ()

    def weights(self, module: nn.Module) -> dict[str, Tensor]:
        """The state dict under the names of the released checkpoint, which are those of the spec."""
        found = {}
        for key, value in module.state_dict().items():
            for ours, released in self.renamed:
                key = key.replace(ours, released)
            found[key] = value
        return found


ORIGINALS = {
    original.name: original
    for original in (
        Original("qwen-vl", Resampler),
        Original("qwen-vl-full", ResamplerFull),
        Original("qwen2-vl", lambda vision, text: PatchMerger(text, vision)),
        Original("qwen2.5-vl", lambda vision, text: Qwen2_5_VLPatchMerger(text, vision)),
        Original("qwen3-vl", _qwen3),
        # transformers renames two of HunYuan-VL's layers when it loads a checkpoint
        Original("hunyuan-ocr", _hunyuan, (("proj_conv.", "proj.0."), ("proj_out.", "proj.2."))),
    )
}


@torch.no_grad()
def randomise(module: nn.Module, seed: int) -> None:
    """Give every parameter a value of its own, so that none can be left out unnoticed."""
    random = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if name.endswith("pos_embed"):
            continue
        drawn = torch.randn(parameter.shape, generator=random)
        if parameter.dim() == 1:
            start = 1.0 if name.endswith("weight") else 0.0
            parameter.copy_(start + 0.1 * drawn)
        else:
            parameter.copy_(drawn * parameter[0].numel() ** -0.5)


def differing(left: Any, right: Any) -> tuple[int, int]:
    """How many bits differ between two tensors, or two nests of tensors, and of how many."""
    if isinstance(left, Tensor):
        bits = 8 * left.element_size()
        if left.shape != right.shape or left.dtype != right.dtype:
            return left.numel() * bits, left.numel() * bits
        kind = {2: torch.int16, 4: torch.int32}[left.element_size()]
        xor = torch.bitwise_xor(left.contiguous().view(kind), right.contiguous().view(kind))
        return sum(int(((xor >> at) & 1).sum()) for at in range(bits)), left.numel() * bits
    pairs = [differing(a, b) for a, b in zip(left, right, strict=True)]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
