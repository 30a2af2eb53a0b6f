"""Build the documentation, strictly.

python tools/site.py              write it to site/
python tools/site.py FOLDER       write it to FOLDER
python tools/site.py --check      build it twice in a temporary folder; exit 1 if a byte differs
"""

from __future__ import annotations

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(folder: Path, seed: str = "random") -> None:
    """Write the site; dates in it are that of the last commit.

    Raises:
        subprocess.CalledProcessError: mkdocs finds something wrong; it has printed what.
    """
    settings = (
        {"SOURCE_DATE_EPOCH": _date()} | os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONHASHSEED": seed}
    )
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, env=settings, check=True)


def _date() -> str:
    asked = ["git", "log", "-1", "--format=%ct"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "0"


def differing(left: Path, right: Path) -> list[str]:
    """Files that are not the same in two folders, and files that only one of them has."""
    names = {str(path.relative_to(side)) for side in (left, right) for path in _files(side)}
    same, _, _ = filecmp.cmpfiles(left, right, names, shallow=False)
    return sorted(names - set(same))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def check() -> list[str]:
    """What differs between two builds, with other orders of Python's sets."""
    with tempfile.TemporaryDirectory() as folder:
        left, right = Path(folder, "left"), Path(folder, "right")
        build(left, "1")
        build(right, "2")
        return differing(left, right)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    parser.add_argument("--check", action="store_true", help="build twice and compare; write nothing")
    arguments = parser.parse_args()
    try:
        if not arguments.check:
            build(arguments.folder.resolve())
            return 0
        changed = check()
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    for name in changed:
        print(f"two builds differ: {name}")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
