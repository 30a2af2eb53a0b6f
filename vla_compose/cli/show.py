"""`vla-compose show`: a spec as a table."""

from __future__ import annotations

from vla_compose.cli.console import examples, show
from vla_compose.cli.documents import DimOption, SpecArgument, VariantOption

HELP = f"""Show a spec as a table.

Every step, the type after it, its parameters, and the number of tokens as a formula of the inputs.

Types are patterns: `b (h w) c` is tokens in raster order, `(n m m) c` in block order, `b c h w` a map.

{
    examples(
        "vla-compose show qwen2-vl",
        "vla-compose show qwen3-vl --variant 8b",
        "vla-compose show my.yaml --dim text=2048",
    )
}
"""


def command(spec: SpecArgument, variant: VariantOption = None, dim: DimOption = None) -> None:
    """Run `vla-compose show`."""
    from vla_compose.cli.documents import graph
    from vla_compose.report import table

    sections = table.describe(graph(spec, variant, dim), variant)
    show(lambda: table.render(sections), lambda: table.styled(sections))
