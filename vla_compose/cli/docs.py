"""`vla-compose docs`: pages about specs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vla_compose.cli.console import examples

HELP = f"""Write pages about specs, for a site.

A page for each spec with a diagram, the type after every step, a calculator, the YAML and the PyTorch source;
a gallery of all, and a page that compares two. A SPEC is a shipped one, a file, or a folder of files.

DIR becomes a project for MkDocs with the theme Material: pages in docs/adapters, what they load in
docs/assets, and an mkdocs.yml if there is none. In a project of your own, add the two files of docs/assets
to extra_css and extra_javascript. Files that this command did not make are never replaced.

{
    examples(
        "vla-compose docs specs -o site-of-specs",
        "vla-compose docs qwen2-vl my.yaml -o pages && cd pages && mkdocs serve",
        "vla-compose docs specs -o site-of-specs --check",
    )
}
"""


def command(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC|DIR", help="Names of shipped specs, YAML files, or folders.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder of the project.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 and list the files that would change.")
    ] = False,
) -> None:
    """Run `vla-compose docs`."""
    from vla_compose.api import check_document
    from vla_compose.cli.checking import expanded
    from vla_compose.cli.checking import specs as counted
    from vla_compose.cli.console import FINDINGS
    from vla_compose.cli.documents import document
    from vla_compose.diagnostics import SpecError
    from vla_compose.site.folder import CONFIGURATION, drift, write
    from vla_compose.site.pages import files
    from vla_compose.spec.parse import load_spec

    names = expanded(specs, leave_out=str(output / CONFIGURATION))
    documents, found = [], []
    for name in names:
        try:
            documents.append(document(name))
            found += check_document(documents[-1])
        except SpecError as error:
            found += error.diagnostics
    if found:
        raise SpecError(found)
    made = files([load_spec(read) for read in documents])
    if check:
        changed = drift(output, made)
        for path in changed:
            print(f"out of date: {path}")
        if changed:
            print("run the same command without --check", file=sys.stderr)
            raise typer.Exit(FINDINGS)
        print(f"{len(made)} files are up to date")
        return
    changed = write(output, made)
    for path in changed:
        print(f"{'wrote' if path.exists() else 'removed'} {path}")
    print(f"{counted(len(names))} in {output}, {len(changed)} files changed", file=sys.stderr)
