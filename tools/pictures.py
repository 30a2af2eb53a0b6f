"""Pictures that stand alone, for README and home page: diagrams of the site with their colours inside.

An image in a README gets no stylesheet, so there is one file for light and one for dark.
"""

from __future__ import annotations

import re
from pathlib import Path

import vla_compose
from vla_compose.site.diagram import diagram
from vla_compose.site.pages import asset

SHOWN = ("qwen2-vl",)
SCHEMES = {"light": "default", "dark": "slate"}


def pictures() -> dict[Path, str]:
    """Every picture, by its path in the repository."""
    return {
        Path(f"docs/assets/{name}-{scheme}.svg"): picture(name, scheme)
        for name in SHOWN
        for scheme in SCHEMES
    }


def picture(name: str, scheme: str) -> str:
    """The diagram of a shipped spec, with the rules that it needs."""
    drawn = diagram(vla_compose.compose(vla_compose.load(name)))
    start, _, rest = drawn.partition(">")
    width, height = re.findall(r'viewBox="0 0 (\S+) (\S+)"', start)[0]
    return f'{start} width="{width}" height="{height}"><style>{rules(rest, scheme)}</style>{rest}\n'


def rules(drawn: str, scheme: str) -> str:
    """The rules of the stylesheet for the classes of a drawing, with the colours of a scheme put in."""
    sheet = re.sub(r"/\*.*?\*/", "", asset("adapters.css"), flags=re.DOTALL)
    blocks = [(heads.strip(), body) for heads, body in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet)]
    colours = next(body for heads, body in blocks if f'"{SCHEMES[scheme]}"' in heads)
    values = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", colours))
    classes = {name for found in re.findall(r'class="([^"]+)"', drawn) for name in found.split()}
    wanted = []
    for heads, body in blocks:
        kept = [head for head in re.split(r",\s*", heads) if head.removeprefix(".") in classes]
        if kept:
            filled = re.sub(r"var\((--[\w-]+)\)", lambda found: values[found[1]], body)
            wanted.append(f"{','.join(kept)}{{{' '.join(filled.split()).rstrip(';')}}}")
    return "".join(wanted)
