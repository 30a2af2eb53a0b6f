"""`vla-compose list`: the shipped specs."""

from __future__ import annotations

from vla_compose.cli.console import examples, show

HELP = f"""List the shipped specs.

Prints name, released sizes, parameters and summary of each.

{examples("vla-compose list", "vla-compose list | grep qwen")}
"""


def command() -> None:
    """Run `vla-compose list`."""
    from vla_compose.api import compose, list_specs
    from vla_compose.report import table

    rows = []
    for name in list_specs():
        graph = compose(name)
        rows.append((name, ", ".join(graph.spec.variants), f"{graph.parameters():,}", graph.spec.summary))
    sections = [table.Section("", rows, ("name", "variants", "parameters", "summary"), frozenset({2}))]
    show(lambda: table.render(sections), lambda: table.styled(sections))
