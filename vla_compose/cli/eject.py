"""`vla-compose eject`: a spec as one Python file."""

from __future__ import annotations

from vla_compose.cli.console import examples
from vla_compose.cli.documents import DimOption, ForceOption, OutputOption, SpecArgument, VariantOption

HELP = f"""Print a spec as one Python file.

It imports nothing but torch, and is the source that `build` runs, with the shape after every step as a
comment. Making it needs no torch.

{examples("vla-compose eject qwen2-vl --variant 7b -o adapter.py", "vla-compose eject my.yaml | less")}
"""


def command(
    spec: SpecArgument,
    variant: VariantOption = None,
    dim: DimOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """Run `vla-compose eject`."""
    from vla_compose.cli.documents import graph
    from vla_compose.cli.output import deliver
    from vla_compose.lower.module import source

    deliver(source(graph(spec, variant, dim)), output, force=force)
