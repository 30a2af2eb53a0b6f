"""A gallery as a folder: written whole, checked for drift, and never over a file that someone else made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from vla_compose.files import FileError, write_text
from vla_compose.site.adapter import MARK
from vla_compose.site.pages import ASSETS, FOLDER, asset

DOCUMENTS = "docs"
CONFIGURATION = "mkdocs.yml"
ASSET_MARK = "/* vla-compose docs:"


def write(folder: Path, made: Mapping[PurePosixPath, str]) -> list[Path]:
    """Bring a folder up to date: `docs/adapters`, `docs/assets`, and `mkdocs.yml` where there is none.

    Every file appears whole or not at all; pages of ours that nothing makes any more are removed.

    Returns:
        The files that changed, sorted.

    Raises:
        FileError: a file in the way is not ours, or cannot be written. In the first case nothing is written.
    """
    wanted = _wanted(folder, made)
    for path in wanted:
        _ours(path)
    changed = drift(folder, made)
    for path in changed:
        try:
            if path not in wanted:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise FileError(f"`{error.filename or path}` cannot be changed: {reason}") from None
        write_text(path, wanted[path], overwrite=True)
    return changed


def drift(folder: Path, made: Mapping[PurePosixPath, str]) -> list[Path]:
    """The files that `write` would change, sorted."""
    wanted = _wanted(folder, made)
    pages = sorted((folder / DOCUMENTS / FOLDER).glob("*.md"))
    stale = [path for path in pages if path not in wanted and _marked(path)]
    return sorted([path for path, text in wanted.items() if _bytes(path) != text.encode()] + stale)


def _wanted(folder: Path, made: Mapping[PurePosixPath, str]) -> dict[Path, str]:
    wanted = {folder / DOCUMENTS / path: text for path, text in made.items()}
    if not (folder / CONFIGURATION).exists():
        wanted[folder / CONFIGURATION] = asset(CONFIGURATION)
    if not (folder / DOCUMENTS / "index.md").exists():
        wanted[folder / DOCUMENTS / "index.md"] = asset("index.md")
    return wanted


def _ours(path: Path) -> None:
    if (path.exists() or path.is_symlink()) and not _marked(path):
        raise FileError(f"`{path}` was not made by `vla-compose docs`: move it, or choose another folder")


def _marked(path: Path) -> bool:
    """Whether a file has the line that every file of ours has."""
    found = _bytes(path)
    if path.is_symlink() or found is None:
        return False
    if path.parent.name == str(ASSETS):
        return found.startswith(ASSET_MARK.encode())
    return found.startswith((f"---\n{MARK}\n".encode(), f"{MARK}\n".encode()))


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
