"""The pages of the shipped specs, with what the parity tests compare them with."""

from __future__ import annotations

import json
from pathlib import Path

import vla_compose
from vla_compose.site.pages import files

ROOT = Path(__file__).resolve().parent.parent
PATCHES = {"qwen3-vl": 16, "hunyuan-ocr": 16}
"""The side of a patch in pixels, where it is not 14: no spec states it, as its input is patches."""
PRIMITIVES = "../primitives/{}.md"


def pages() -> dict[Path, str]:
    """Every file, by its path in the repository."""
    parity = json.loads((ROOT / "tests" / "parity" / "status.json").read_text(encoding="utf-8"))
    specs = [vla_compose.load(name) for name in vla_compose.list_specs()]
    made = files(specs, parity=parity, patches=PATCHES, primitives=PRIMITIVES)
    return {Path("docs") / path: text for path, text in made.items()}
