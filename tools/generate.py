"""Write what is made from the code: the JSON Schema, pages of the site, and its navigation.

python tools/generate.py           write the files
python tools/generate.py --check   compare them; exit 1 if any is out of date
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import typer  # noqa: E402 - after the line above, as what follows

from tools import adapter_pages, pictures, poster, primitive_pages  # noqa: E402
from vla_compose.cli.app import HELP, app  # noqa: E402
from vla_compose.codes import CODES  # noqa: E402
from vla_compose.explanations import explanation  # noqa: E402
from vla_compose.spec.schema import json_schema  # noqa: E402

GROUPS = {
    "VC0": "Reading YAML",
    "VC1": "Fields",
    "VC2": "Types and shapes",
    "VC3": "Names and references",
    "VC4": "Style",
    "VC9": "Plug-ins",
}
# Folders whose pages are listed in the navigation one by one, and which of their pages.
LISTED = {"adapters": r"(?!(?:index|compare)\b)[a-z0-9.-]+", "primitives": r"\w+", "errors": r"VC\d+"}
ERRORS = """# Errors

Every mistake in a spec has a code that never changes its meaning. `vla-compose explain CODE` prints its page.
"""
COMMANDS = """# Command line

A SPEC is the name of a shipped spec, a path to a YAML file, or `-` for standard input. What this page says is
what `vla-compose COMMAND --help` prints; `vla-compose --version` prints the version.

"""


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    made = {
        Path("docs/schema/v1.json"): json.dumps(json_schema(), indent=2) + "\n",
        Path("docs/reference/cli.md"): COMMANDS + "\n".join(_commands()),
        Path("docs/errors/index.md"): _errors(),
    }
    made |= primitive_pages.pages() | adapter_pages.pages() | poster.pictures() | pictures.pictures()
    made |= {Path(f"docs/errors/{code}.md"): explanation(code) for code in CODES}
    return made | {Path("mkdocs.yml"): _navigation(made)}


def _navigation(made: Mapping[Path, str]) -> str:
    """`mkdocs.yml` with every page of the folders that are generated whole."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for folder, pattern in LISTED.items():
        pages = {path.stem for path in made if path.parent == Path("docs") / folder}
        pages = {page for page in pages if re.fullmatch(pattern, page)}
        titles = {page: f"{page} {CODES[page]}" if page in CODES else page for page in sorted(pages)}
        lines = "".join(rf"\1- {title}: {folder}/{page}.md\n" for page, title in titles.items())
        text = re.sub(
            rf"(?m)^( +)- .+: {folder}/{pattern}\.md\n(?:\1- .+: {folder}/{pattern}\.md\n)*", lines, text
        )
    return text


def _commands() -> Iterator[str]:
    """The text of every page of help, as Markdown."""
    yield f"{_help(HELP)}\n"
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        about, mark, rest = command.help.partition("\b\nExamples:")
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        usage = [f"vla-compose {name}", *(["[OPTIONS]"] if options else [])]
        usage += [p.metavar + ("..." if p.nargs == -1 else "") for p in arguments]
        parts = [f"## {name}", _help(about), f"```sh\n{' '.join(usage)}\n```"]
        if command.params:
            rows = [f"| {_option(p)} | {_cell(p.help)}{_default(p)} |" for p in (*arguments, *options)]
            parts.append("\n".join(["| argument | meaning |", "|---|---|", *rows]))
        yield "\n\n".join([*parts, _help(mark + rest)]) + "\n"


def _help(text: str) -> str:
    """The paragraphs of a help text; those that are set line by line, as code."""
    parts = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("\b\n"):
            lines = [line.strip() for line in paragraph.splitlines()[1:]]
            if lines[0] == "Examples:":
                parts.append(lines.pop(0))
            parts.append("\n".join(["```sh", *lines, "```"]))
        else:
            parts.append(" ".join(paragraph.split()).replace("*", r"\*"))
    return "\n\n".join(parts)


def _option(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_cell(parameter.metavar)}`"
    value = parameter.metavar or ""
    if isinstance(parameter.default, Enum):
        value = "|".join(str(member.value) for member in type(parameter.default))
    return ", ".join(f"`{_cell(f'{name} {value}'.strip())}`" for name in parameter.opts)


def _default(parameter: Any) -> str:
    if parameter.required:
        return " Required." if parameter.param_type_name == "option" else ""
    default = parameter.default
    if default is None or default is False:
        return ""
    return f" Default: `{default.value if isinstance(default, Enum) else default}`."


def _cell(text: str) -> str:
    text = re.sub(r"  \[default: (.*)\]$", r" Default: `\1`.", text)
    return text.replace("|", "\\|")


def _errors() -> str:
    text = ERRORS
    for start, title in GROUPS.items():
        codes = {code: name for code, name in CODES.items() if code.startswith(start)}
        if codes:
            lines = [
                f"| [{code}]({code}.md) | {name} | {primitive_pages.summary(code)} |"
                for code, name in codes.items()
            ]
            text += "\n".join(
                ["", f"## {title}", "", "| code | name | meaning |", "|---|---|---|", *lines, ""]
            )
    return text


def stale(root: Path) -> list[Path]:
    """Generated files that are missing, or are not what the code says, or that nothing generates any more."""
    made = files()
    folders = sorted({path.parent for path in made if path.suffix == ".md"} - {Path("docs/reference")})
    old = [path.relative_to(root) for folder in folders for path in sorted((root / folder).glob("*.md"))]
    wrong = [path for path, text in made.items() if not _same(root / path, text)]
    return wrong + [path for path in old if path not in made]


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def write(root: Path) -> list[Path]:
    """Bring every generated file up to date."""
    made, changed = files(), stale(root)
    for path in changed:
        if path not in made:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(made[path].encode())
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 if a file is out of date"
    )
    arguments = parser.parse_args()
    changed = stale(ROOT) if arguments.check else write(ROOT)
    for path in changed:
        print(f"{'out of date' if arguments.check else 'wrote'}: {path}")
    if arguments.check and changed:
        print("run `python tools/generate.py`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
