"""The pages of the shipped specs, with what the parity tests compare them with."""

from __future__ import annotations

import json
from pathlib import Path

import vla_compose
from vla_compose.site.form import Start
from vla_compose.site.pages import files

ROOT = Path(__file__).resolve().parent.parent
STARTS = {
    "hunyuan-ocr": Start(patch=16),
    "idefics3": Start(image=(364, 364)),
    "llava": Start(image=(336, 336)),
    "qwen3-vl": Start(patch=16),
}
"""Patches and images as the models take them, where they are not the usual ones: no spec states them."""
PRIMITIVES = "../primitives/{}.md"


def pages() -> dict[Path, str]:
    """Every file, by its path in the repository."""
    parity = json.loads((ROOT / "tests" / "parity" / "status.json").read_text(encoding="utf-8"))
    specs = [vla_compose.load(name) for name in vla_compose.list_specs()]
    made = files(specs, parity=parity, starts=STARTS, primitives=PRIMITIVES)
    return {Path("docs") / path: text for path, text in made.items()}
