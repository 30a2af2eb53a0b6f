"""The picture of the README: how some adapters turn patches into tokens. One file for each colour scheme."""

from __future__ import annotations

from pathlib import Path

import vla_compose
from tools.pictures import SCHEMES, rules
from vla_compose.site.facts import facts
from vla_compose.site.svg import Drawing
from vla_compose.site.thumbnail import draw_thumbnail

SHOWN = ("qwen2-vl", "internvl", "hunyuan-ocr", "qwen2.5-vl", "qwen-vl", "llava-next")
COLUMNS = 3
WIDE, TALL, GAP, INSET = 272, 172, 12, 16
ROOM = (WIDE - 2 * INSET, 84)
OWN = ".vc-name{font-size:16px;font-weight:700}.vc-family{font-size:13px}.vc-formula{font-size:13px}"


def pictures() -> dict[Path, str]:
    """Both files, by their path in the repository."""
    return {Path(f"docs/assets/adapters-{scheme}.svg"): _picture(scheme) for scheme in SCHEMES}


def _picture(scheme: str) -> str:
    drawing = Drawing()
    for at, name in enumerate(SHOWN):
        row, column = divmod(at, COLUMNS)
        _card(drawing, name, 1 + column * (WIDE + GAP), 1 + row * (TALL + GAP))
    rows = -(-len(SHOWN) // COLUMNS)
    width, height = COLUMNS * (WIDE + GAP) - GAP + 2, rows * (TALL + GAP) - GAP + 2
    title = "From patches to tokens, in six adapters"
    about = "; ".join(f"{name}: {facts(vla_compose.compose(name)).family}" for name in SHOWN)
    style = f"<style>{rules(''.join(drawing.parts), scheme)}{OWN}</style>"
    drawing.parts.insert(0, style)
    return drawing.svg(width, height, "adapters", title, about, "vc-poster") + "\n"


def _card(drawing: Drawing, name: str, x: float, y: float) -> None:
    graph = vla_compose.compose(name)
    found = facts(graph)
    drawing.rect(x, y, WIDE, TALL, "vc-card", radius=10)
    drawing.text(x + INSET, y + 28, name, "vc-t vc-code vc-name")
    drawing.text(x + WIDE - INSET, y + 28, found.family, "vc-t vc-muted vc-family vc-end-text")
    cells = Drawing()
    wide, tall = draw_thumbnail(cells, graph, 0, 0, numbers=True)
    scale = min(1.15, ROOM[0] / wide, ROOM[1] / tall)
    left, top = x + INSET, y + 42 + (ROOM[1] - tall * scale) / 2
    drawing.parts.append(f'<g transform="translate({left:.1f} {top:.1f}) scale({scale:.3f})">')
    drawing.parts += [*cells.parts, "</g>"]
    tokens = found.tokens.replace("*", "·")
    drawing.text(x + INSET, y + TALL - 16, tokens, "vc-t vc-code vc-formula")
