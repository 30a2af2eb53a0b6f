"""Where shipped specs are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """The folder of the shipped specs."""
    package = Path(__file__).resolve().parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def shipped() -> dict[str, Path]:
    """Name to file of every shipped spec."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}


def find(name: str | os.PathLike[str]) -> Path | None:
    """The file of a shipped spec, unless `name` looks like a path."""
    if not isinstance(name, str) or name.endswith((".yaml", ".yml")) or "/" in name or os.sep in name:
        return None
    return shipped().get(name)
