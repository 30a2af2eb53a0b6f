"""All files of a gallery: a page for each spec, the table of them, the comparison, and what pages load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files as package_files
from pathlib import PurePosixPath
from typing import Any

from vla_compose.diagnostics import BuildError
from vla_compose.site.adapter import adapter, page
from vla_compose.site.form import USUAL, Start
from vla_compose.site.gallery import comparison, gallery
from vla_compose.spec.model import Spec

FOLDER = PurePosixPath("adapters")
ASSETS = PurePosixPath("assets")
PRIMITIVES = "https://vla-compose.github.io/primitives/{}/"
TAKEN = ("index", "compare")
"""Pages that are there whatever the specs are called."""


def files(
    specs: Sequence[Spec],
    *,
    parity: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    starts: Mapping[str, Start] | None = None,
    primitives: str = PRIMITIVES,
) -> dict[PurePosixPath, str]:
    """Every file, by its path in the folder of documents; the same bytes for the same specs.

    Args:
        specs: valid specs.
        parity: what each was compared with, by the name of the spec.
        starts: what calculators start with, by the name of the spec.
        primitives: where the page of a primitive is, with `{}` for its name.

    Raises:
        SpecError: a spec has mistakes.
        BuildError: two specs have one name, or one is named as another page is.
    """
    taken = Counter(spec.name for spec in specs)
    for name, count in taken.items():
        if count > 1:
            raise BuildError(
                f"{count} specs are called `{name}`, and each needs a page: change `name` in one"
            )
        if name in TAKEN:
            raise BuildError(f"a spec cannot be called `{name}`, because the gallery has a page of that name")
    parity, starts = parity or {}, starts or {}
    shown = [
        adapter(spec, parity.get(spec.name, ()), starts.get(spec.name, USUAL))
        for spec in sorted(specs, key=lambda spec: spec.name)
    ]
    made = {FOLDER / f"{one.name}.md": page(one, shown, primitives) for one in shown}
    made |= {FOLDER / "index.md": gallery(shown), FOLDER / "compare.md": comparison(shown)}
    return made | {ASSETS / name: asset(name) for name in ("adapters.css", "adapters.js", "compare.js")}


def asset(name: str) -> str:
    """A file that pages load."""
    return (package_files("vla_compose.site") / "assets" / name).read_text(encoding="utf-8")
