"""`vla-compose schema`: the spec language as JSON Schema."""

from __future__ import annotations

from vla_compose.cli.console import examples
from vla_compose.cli.documents import ForceOption, OutputOption

HELP = f"""Print the JSON Schema of specs.

It is of draft 2020-12, and gives completion and checks while typing in an editor.

An editor finds it by the first line of a spec:

\b
  # yaml-language-server: $schema=https://vla-compose.github.io/schema/v1.json

{examples("vla-compose schema -o v1.json")}
"""


def command(output: OutputOption = None, force: ForceOption = False) -> None:
    """Run `vla-compose schema`."""
    import json

    from vla_compose.cli.output import deliver
    from vla_compose.spec.schema import json_schema

    deliver(json.dumps(json_schema(), indent=2) + "\n", output, force=force)
