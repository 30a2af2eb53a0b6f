"""The specs in `tests/specs/paper`: adapters that version 1 can already say, not shipped yet.

Each validates, builds, and equals the original bit for bit, outputs and gradients. The original is the class
of transformers. Where a model has none (Step3.7, Fuyu, Llama 3.2 Vision), it is the same torch modules,
called as the model calls them. What is still missing is in `docs/design/language-notes.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Config
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.models.cosmos3_edge.modeling_cosmos3_edge import Cosmos3EdgePatchMerger
from transformers.models.deepseek_vl.modeling_deepseek_vl import DeepseekVLAligner
from transformers.models.fast_vlm.modeling_fast_vlm import FastVlmMultiModalProjector
from transformers.models.gemma4.modeling_gemma4 import Gemma4MultimodalEmbedder
from transformers.models.git.modeling_git import GitProjection
from transformers.models.got_ocr2.modeling_got_ocr2 import GotOcr2MultiModalProjector
from transformers.models.inkling2.modeling_inkling2 import Inkling2VisionMerger
from transformers.models.janus.modeling_janus import JanusVisionAlignerMLP
from transformers.models.kosmos2.modeling_kosmos2 import Kosmos2ImageToTextProjection
from transformers.models.lfm3_vl.modeling_lfm3_vl import Lfm3VlMultiModalProjector
from transformers.models.lighton_ocr.modeling_lighton_ocr import LightOnOcrMultiModalProjector
from transformers.models.llama4.modeling_llama4 import Llama4MultiModalProjector, Llama4VisionPixelShuffleMLP
from transformers.models.minicpmv4_6.modeling_minicpmv4_6 import MiniCPMV4_6Merger
from transformers.models.minimax_m3_vl.modeling_minimax_m3_vl import MiniMaxM3VLMultiModalProjector
from transformers.models.mistral3.modeling_mistral3 import Mistral3MultiModalProjector
from transformers.models.modernvbert.modeling_modernvbert import ModernVBertConnector
from transformers.models.muse_glimmer.modeling_muse_glimmer import (
    MuseGlimmerRMSNorm,
    MuseGlimmerVisionAdapter,
    MuseGlimmerVisionModel,
)
from transformers.models.nemotron_h_omni.modeling_nemotron_h_omni import (
    NemotronH_Omni_Reasoning_V3,
    NemotronH_Omni_Reasoning_V3MultiModalProjector,
)
from transformers.models.neomme.modeling_neomme import NeoMMEPatchEmbeddings
from transformers.models.paddleocr_vl.modeling_paddleocr_vl import PaddleOCRProjector
from transformers.models.paligemma.modeling_paligemma import PaliGemmaMultiModalProjector
from transformers.models.pp_formulanet.modeling_pp_formulanet import PPFormulaNetMultiModalProjector
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLPatchMerger
from transformers.models.qwen3_omni_moe.modeling_qwen3_omni_moe import Qwen3OmniMoeVisionPatchMerger
from transformers.models.ultravbert.modeling_ultravbert import UltraVBertConnector
from transformers.models.vipllava.modeling_vipllava import VipLlavaMultiModalProjector

import vla_compose
from tests.parity.harness import DTYPES, Case, Inputs, Reference, assert_parity, each_case

PAPER = Path(__file__).parent / "specs" / "paper"
SPECS = sorted(PAPER.glob("*.yaml"))

VISION, TEXT, HIDDEN = 16, 24, 40
VISION_CONFIG = Config(
    hidden_size=VISION,
    spatial_merge_size=2,
    layer_norm_eps=1e-5,
    rms_norm_eps=1e-6,
    patch_size=7,
    projection_dim=TEXT,
)
TEXT_CONFIG = Config(hidden_size=TEXT, rms_norm_eps=1e-6)


class Parts(nn.Module):
    """Parts of a model under its names, and how it calls them."""

    def __init__(self, call: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.call = call
        for path, part in parts.items():
            *levels, name = path.split("__")
            at: nn.Module = self
            for level in levels:
                if not hasattr(at, level):
                    at.add_module(level, nn.Module())
                at = getattr(at, level)
            at.add_module(name, part)

    def forward(self, *inputs: Any) -> Any:
        return self.call(self, *inputs)


def config(**fields: Any) -> Config:
    """What projectors read: widths, and the activation that all of them have."""
    common: dict[str, Any] = {
        "vision_config": VISION_CONFIG,
        "text_config": TEXT_CONFIG,
        "projector_hidden_act": "gelu",
    }
    return Config(**common | fields)


# --- geometries ---------------------------------------------------------------------------------------------


def rows(*counts: int, width: int = VISION, gain: float = 1) -> tuple[Case, ...]:
    """Packed rows."""
    return tuple(
        Case(f"{count}_rows", lambda count=count: {"x": gain * torch.randn(count, width)})  # type: ignore[misc]
        for count in counts
    )


def batches(*sizes: tuple[int, int], width: int = VISION) -> tuple[Case, ...]:
    """Batches of so many tokens."""
    return tuple(Case(f"{b}x{n}", lambda b=b, n=n: {"x": torch.randn(b, n, width)}) for b, n in sizes)  # type: ignore[misc]


def strided(batch: int, count: int, width: int = VISION) -> Case:
    """Tokens that lie before the batch in memory."""
    return Case("strided", lambda: {"x": torch.randn(count, batch, width).transpose(0, 1)})


def maps(*sizes: tuple[int, int, int]) -> tuple[Case, ...]:
    """Feature maps, and one whose channels are adjacent."""
    found = [
        Case(f"{b}x{h}x{w}", lambda b=b, h=h, w=w: {"x": torch.randn(b, VISION, h, w)})  # type: ignore[misc]
        for b, h, w in sizes
    ]
    last = Case(
        "channels_last", lambda: {"x": torch.randn(2, VISION, 8, 12).to(memory_format=torch.channels_last)}
    )
    return (*found, last)


def grids(grid: str, *images: tuple[tuple[int, ...], ...], patch: int = 1) -> tuple[Case, ...]:
    """Packed images of these sizes, in patches; `patch` turns them into pixels."""

    def case(sizes: tuple[tuple[int, ...], ...]) -> Case:
        table = torch.tensor(sizes)
        count = int(table.prod(-1).sum())
        name = "_".join("x".join(map(str, size)) for size in sizes)
        return Case(name, lambda: {"x": torch.randn(count, VISION), grid: table * patch})

    return tuple(case(sizes) for sizes in images)


ROWS = (*rows(4, 48, 140, 76), *rows(24, gain=40))
TOKENS = (*batches((1, 1), (1, 30), (3, 17), (2, 64)), strided(3, 20))
SQUARES = batches((1, 16), (3, 16), (2, 64), (1, 144))
HW = grids("grid", ((2, 2),), ((4, 6),), ((2, 8), (6, 2), (4, 4)), ((12, 10), (2, 2)))


def renamed(
    cases: tuple[Case, ...], name: str, patch: int = 1, call: Callable[..., Any] | None = None
) -> tuple[Case, ...]:
    """The same images, their grid under another name and in pixels."""

    def inputs(case: Case) -> Callable[[], Inputs]:
        def made() -> Inputs:
            x, grid = case.inputs().values()
            return {"x": x, name: grid * patch}

        return made

    return tuple(Case(case.name, inputs(case), *([call] if call else [])) for case in cases)


# --- originals ----------------------------------------------------------------------------------------------


def qwen3_omni() -> nn.Module:
    vision = Config(hidden_size=VISION, spatial_merge_size=2, out_hidden_size=TEXT)

    def call(self: Any, x: Tensor, deepstack: list[Tensor]) -> Any:
        return self.merger(x), [merger(y) for merger, y in zip(self.merger_list, deepstack, strict=True)]

    mergers = [Qwen3OmniMoeVisionPatchMerger(vision, use_postshuffle_norm=True) for _ in range(3)]
    return Parts(call, merger_list=nn.ModuleList(mergers), merger=Qwen3OmniMoeVisionPatchMerger(vision))


def layered(count: int) -> Case:
    """Rows of the last layer, and of three before it."""
    return Case(
        f"{count}_rows",
        lambda: {
            "x": torch.randn(count, VISION),
            "deepstack": [torch.randn(count, VISION) for _ in range(3)],
        },
    )


def merged(part: nn.Module) -> nn.Module:
    """The model lays four rows side by side before it calls this part."""
    return Parts(lambda self, x: self.part(x.reshape(-1, 4 * VISION)), part=part)


def hyperclovax() -> nn.Module:
    return Parts(
        lambda self, x: self.projector(self.vision_model.merger(x)),
        vision_model__merger=Qwen2_5_VLPatchMerger(HIDDEN, VISION),
        projector=nn.Linear(HIDDEN, TEXT),
    )


def paddleocr() -> nn.Module:
    return Parts(lambda self, x, grid: self.projector(x, grid), projector=PaddleOCRProjector(config()))


def minicpm() -> nn.Module:
    merger = MiniCPMV4_6Merger(config(merge_kernel_size=(2, 2), merger_times=1))
    return Parts(lambda self, x, sizes: torch.cat(self.merger(x[None], sizes)), merger=merger)


def nemotron() -> nn.Module:
    def call(self: Any, x: Tensor, grids: Tensor) -> Tensor:
        images = zip(x.split(grids.prod(-1).tolist()), grids.tolist(), strict=True)
        shuffle = NemotronH_Omni_Reasoning_V3.pixel_shuffle
        return self.projector(
            torch.cat([shuffle(self, y.view(1, h, w, -1)).flatten(0, 2) for y, (h, w) in images])
        )

    return Parts(call, projector=NemotronH_Omni_Reasoning_V3MultiModalProjector(4 * VISION, HIDDEN, TEXT))


def muse_glimmer() -> nn.Module:
    def call(self: Any, x: Tensor, grids: Tensor) -> Tensor:
        self.spatial_merge_size = self.merge_size = 2
        self.config = Config(merge_size=2, hidden_size=VISION)
        x = MuseGlimmerVisionModel.pixel_shuffle(self, self.vision_tower.ln_post(x), grids)
        return self.perception_emb_norm(self.vision_projection(self.vision_adapter(x)))

    settings = config(out_hidden_size=4 * VISION, projector_hidden_size=HIDDEN)
    return Parts(
        call,
        vision_tower__ln_post=nn.LayerNorm(VISION),
        vision_adapter=MuseGlimmerVisionAdapter(settings),
        vision_projection=nn.Linear(HIDDEN, TEXT, bias=False),
        perception_emb_norm=MuseGlimmerRMSNorm(eps=1e-5, with_scale=False),
    )


def llama4() -> nn.Module:
    vision = Config(
        hidden_size=VISION, intermediate_size=4 * VISION, projector_input_dim=HIDDEN,
        projector_output_dim=HIDDEN, projector_dropout=0.0, pixel_shuffle_ratio=0.5, vision_output_dim=HIDDEN,
    )  # fmt: skip

    def call(self: Any, x: Tensor) -> Tensor:
        features = self.vision_model.vision_adapter(x[:, :-1])
        return self.multi_modal_projector(features.view(-1, features.size(-1)))

    return Parts(
        call,
        vision_model__vision_adapter=Llama4VisionPixelShuffleMLP(vision),
        multi_modal_projector=Llama4MultiModalProjector(config(vision_config=vision)),
    )


def step3p7() -> nn.Module:
    def call(self: Any, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = x.permute(0, 2, 1).view(len(x), VISION, *size)
        x = self.vision_model.downsampler2(self.vision_model.downsampler1(x))
        return self.multi_modal_projector(x.flatten(2).permute(0, 2, 1))

    return Parts(
        call,
        vision_model__downsampler1=nn.Conv2d(VISION, 2 * VISION, kernel_size=3, stride=2, padding=1),
        vision_model__downsampler2=nn.Conv2d(2 * VISION, 4 * VISION, kernel_size=3, stride=2, padding=1),
        multi_modal_projector=nn.Linear(4 * VISION, TEXT, bias=False),
    )


def vipllava() -> nn.Module:
    projector = VipLlavaMultiModalProjector(
        config(vision_feature_layer=[1, 2, 3], projector_layernorm_eps=1e-5)
    )
    return Parts(
        lambda self, layers: self.part(torch.cat([x[:, 1:] for x in layers], dim=-1)), part=projector
    )


def kosmos2() -> nn.Module:
    text = Config(embed_dim=TEXT, attention_heads=4, attention_dropout=0.0, _attn_implementation="sdpa")
    projection = Kosmos2ImageToTextProjection(config(text_config=text, latent_query_num=6))
    # The original registers keys, values and then queries. A spec cannot order what is inside `x_attn` yet.
    maps = projection.x_attn._modules
    projection.x_attn._modules = {name: maps[name] for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
    return Parts(lambda self, x: self.part(x)[0], part=projection)


def pooled_by_layer(count: int) -> Case:
    """Three layers of two images, each with a class token."""
    return Case(f"{count}_tokens", lambda: {"layers": [torch.randn(2, 1 + count, VISION) for _ in range(3)]})


WIDTHS = {"vision": VISION, "text": TEXT}
WIDE = WIDTHS | {"hidden": HIDDEN}
PART = {"part.": ""}


def reference(
    spec: str, original: Callable[[], nn.Module], cases: tuple[Case, ...], **options: Any
) -> Reference:
    """A paper spec, with these widths unless others are given."""
    return Reference(
        spec, str(PAPER / f"{spec}.yaml"), options.pop("dims", WIDTHS), original, cases, **options
    )


llava_settings = config(vision_feature_layer=-2, multimodal_projector_bias=True)
mistral_settings = config(
    vision_feature_layer=-1, multimodal_projector_bias=False, spatial_merge_size=2,
    text_config=Config(hidden_size=TEXT, rms_norm_eps=1e-5),
)  # fmt: skip

REFERENCES = [
    reference("qwen3-omni-moe", qwen3_omni, tuple(layered(count) for count in (4, 48, 140, 76))),
    reference(
        "cosmos3-edge", lambda: Cosmos3EdgePatchMerger(config(projector_hidden_size=HIDDEN)), ROWS, dims=WIDE
    ),
    reference(
        "lfm3-vl",
        lambda: Lfm3VlMultiModalProjector(config(projector_hidden_size=HIDDEN, projector_bias=True)),
        ROWS,
        dims=WIDE,
    ),
    reference(
        "inkling2",
        lambda: merged(
            Inkling2VisionMerger(
                Config(
                    hidden_size=VISION,
                    spatial_merge_size=2,
                    projection_hidden_dim=HIDDEN,
                    text_hidden_size=TEXT,
                    projector_bias=False,
                    hidden_act="gelu",
                )
            )
        ),
        ROWS,
        dims=WIDE,
        rename=PART,
    ),
    reference("hyperclovax-vision-v2", hyperclovax, ROWS, dims=WIDTHS | {"merged": HIDDEN}),
    reference(
        "minimax-m3-vl",
        lambda: MiniMaxM3VLMultiModalProjector(
            config(projector_hidden_size=HIDDEN, merged_hidden_size=4 * TEXT)
        ),
        ROWS,
        dims=WIDE,
    ),
    reference(
        "paddleocr-vl",
        paddleocr,
        grids(
            "grid_thw",
            ((1, 2, 2),),
            ((1, 4, 6),),
            ((1, 2, 8), (1, 6, 2), (3, 4, 4)),
            ((1, 12, 10), (1, 2, 2)),
        ),
    ),
    reference("minicpmv4-6", minicpm, renamed(HW, "target_sizes")),
    reference(
        "nemotron-h-omni", nemotron, renamed(HW, "image_grid_hw"), dims=WIDE, rename={"projector.": ""}
    ),
    reference(
        "mistral3",
        lambda: Mistral3MultiModalProjector(mistral_settings),
        renamed(HW, "image_sizes", 7),
        dims=WIDTHS | {"patch": 7},
    ),
    reference(
        "lighton-ocr",
        lambda: LightOnOcrMultiModalProjector(config(spatial_merge_size=2)),
        renamed(HW, "image_sizes", 7),
        dims=WIDTHS | {"patch": 7},
    ),
    reference(
        "muse-glimmer",
        muse_glimmer,
        grids("grid_thw", ((1, 2, 2),), ((1, 4, 6),), ((1, 2, 8), (3, 6, 2), (1, 4, 4)), ((2, 12, 10),)),
        dims=WIDE,
    ),
    reference("modernvbert", lambda: ModernVBertConnector(config(pixel_shuffle_factor=4)), SQUARES),
    reference("ultravbert", lambda: UltraVBertConnector(config(pixel_shuffle_factor=4)), SQUARES),
    reference("llama4", llama4, batches((1, 5), (3, 17), (2, 65), (1, 145)), dims=WIDE),
    reference(
        "got-ocr2",
        lambda: GotOcr2MultiModalProjector(config(vision_config=Config(output_channels=VISION))),
        maps((1, 8, 8), (3, 16, 4), (2, 7, 9), (1, 1, 5)),
    ),
    reference(
        "pp-formulanet",
        lambda: PPFormulaNetMultiModalProjector(
            Config(
                post_conv_in_channels=VISION,
                post_conv_mid_channels=20,
                post_conv_out_channels=HIDDEN,
                decoder_hidden_size=TEXT,
            )
        ),
        maps((1, 8, 8), (3, 16, 4), (2, 7, 9), (1, 1, 5)),
        dims=WIDTHS | {"middle": 20, "merged": HIDDEN},
    ),
    reference(
        "step3p7",
        step3p7,
        tuple(
            Case(f"{b}x{h}x{w}", lambda b=b, h=h, w=w: {"x": torch.randn(b, h * w, VISION), "size": (h, w)})  # type: ignore[misc]
            for b, h, w in ((1, 8, 8), (3, 16, 4), (2, 7, 9), (1, 1, 5))
        ),
    ),
    reference(
        "vipllava",
        vipllava,
        tuple(pooled_by_layer(count) for count in (1, 16, 30, 64)),
        dims=WIDTHS | {"layers": 3},
        rename=PART,
    ),
    reference(
        "fast-vlm",
        lambda: Parts(
            lambda self, x: self.part(x.flatten(2).permute(0, 2, 1)),
            part=FastVlmMultiModalProjector(llava_settings),
        ),
        maps((1, 4, 4), (3, 6, 2), (2, 8, 8), (1, 1, 5)),
        rename=PART,
    ),
    reference("deepseek-vl", lambda: DeepseekVLAligner(config()), TOKENS),
    reference(
        "janus",
        lambda: JanusVisionAlignerMLP(
            Config(hidden_size=VISION, projection_dim=TEXT, depth=2, hidden_act="gelu")
        ),
        TOKENS,
    ),
    reference("paligemma", lambda: PaliGemmaMultiModalProjector(config()), TOKENS),
    reference("git", lambda: GitProjection(config(hidden_size=TEXT)), TOKENS),
    reference(
        "fuyu",
        lambda: Parts(lambda self, x: self.vision_embed_tokens(x), vision_embed_tokens=nn.Linear(48, TEXT)),
        batches((1, 1), (1, 30), (3, 17), (2, 64), width=48),
        dims={"patch": 4, "text": TEXT},
    ),
    reference(
        "neomme",
        lambda: NeoMMEPatchEmbeddings(Config(patch_dim=VISION, hidden_size=TEXT)),
        ROWS,
        dims={"pixels": VISION, "text": TEXT},
    ),
    reference("gemma4", lambda: Gemma4MultimodalEmbedder(VISION_CONFIG, TEXT_CONFIG), ROWS),
    reference("kosmos2", kosmos2, TOKENS, dims=WIDTHS | {"queries": 6, "heads": 4}, rename=PART),
    reference(
        "mllama",
        lambda: Parts(
            lambda self, x: self.multi_modal_projector(x), multi_modal_projector=nn.Linear(3 * VISION, TEXT)
        ),
        (
            Case("one_tile", lambda: {"x": torch.randn(1, 1, 1, 17, 3 * VISION)}),
            Case("tiles", lambda: {"x": torch.randn(2, 1, 4, 17, 3 * VISION)}),
            Case("images", lambda: {"x": torch.randn(2, 3, 2, 5, 3 * VISION)}),
            Case("one_token", lambda: {"x": torch.randn(3, 1, 1, 1, 3 * VISION)}),
        ),
        dims=WIDTHS | {"layers": 2},
    ),
]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_is_valid_and_builds(path: Path) -> None:
    assert vla_compose.check(path) == []
    spec = vla_compose.load(path)
    assert (spec.name, spec.version) == (path.stem, 1)
    assert spec.summary.endswith(".")
    assert spec.sources.code
    module = vla_compose.build(path, device="meta")
    assert module.state_dict()
    assert path.stem not in vla_compose.list_specs()


def test_every_spec_has_a_reference() -> None:
    assert [path.stem for path in SPECS] == sorted(reference.name for reference in REFERENCES)
    assert all(len(reference.cases) >= 4 for reference in REFERENCES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("reference", "case"), each_case(REFERENCES))
def test_equal_bits(reference: Reference, case: Case, dtype: torch.dtype) -> None:
    assert_parity(reference, case, dtype)
