"""`vla-compose eject`: a spec as one Python file."""

from __future__ import annotations

from vla_compose.cli.console import examples
from vla_compose.cli.documents import DimOption, ForceOption, OutputOption, SpecArgument, VariantOption


def command(
    spec: SpecArgument,
    variant: VariantOption = None,
    dim: DimOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    from vla_compose.cli.documents import graph
    from vla_compose.cli.output import deliver
    from vla_compose.lower.module import source

    deliver(source(graph(spec, variant, dim)), output, force=force)


command.__doc__ = f"""Print a spec as one Python file that imports nothing but torch.

It is the source that `build` runs, with the shape after every step as a comment. Needs no torch.

{examples("vla-compose eject qwen2-vl --variant 7b -o adapter.py", "vla-compose eject my.yaml | less")}
"""
