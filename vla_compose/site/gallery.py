"""The gallery: every spec in one table that filters and sorts, and the page that compares two of them."""

from __future__ import annotations

from collections.abc import Sequence

from vla_compose.diff import outline
from vla_compose.site.adapter import HEAD, Adapter, glance
from vla_compose.site.escape import data, escape, table
from vla_compose.site.thumbnail import thumbnail

FILTERS = {
    "family": "family",
    "ratio": "patches per token",
    "order": "order of tokens in",
    "grid": "needs the grid",
    "learned": "learned tokens",
    "attention": "attention",
}
COLUMNS = {
    "name": "adapter",
    "": "tokens in and out",
    "family": "family",
    "ratio": "patches per token",
    "order": "order in",
    "grid": "needs grid",
    "learned": "learned tokens",
    "attention": "attention",
    "parameters": "parameters",
    "sizes": "released sizes",
}


def gallery(adapters: Sequence[Adapter]) -> str:
    """The page as Markdown: without a script it is a table."""
    rows = [
        [
            f"[{escape(shown.name)}]({shown.name}.md)",
            thumbnail(shown.graph),
            escape(shown.facts.family),
            escape(shown.facts.patches_per_token),
            escape(shown.facts.order),
            "yes" if shown.facts.grid else "no",
            escape(", ".join(shown.facts.learned)) or "none",
            "yes" if shown.facts.attention else "no",
            f"{shown.facts.parameters:,}",
            escape(", ".join(shown.variants)),
        ]
        for shown in adapters
    ]
    found = {
        "adapters": [_facets(shown) for shown in adapters],
        "columns": list(COLUMNS),
        "filters": [{"name": name, "label": label} for name, label in FILTERS.items()],
    }
    parts = [
        HEAD,
        "# Adapters",
        "Each has a page: a diagram, the type after every step, a calculator, the spec and its PyTorch "
        "source.",
        "[Compare two of them](compare.md)",
        f'<div class="vc-gallery" data-search-exclude markdown="1">\n{data(found, "vc-data")}\n\n'
        f"{table(COLUMNS.values(), rows, (8,))}\n\n</div>",
    ]
    return "\n\n".join(parts) + "\n"


def comparison(adapters: Sequence[Adapter]) -> str:
    """The page that compares two specs as Markdown; its script works it out from the outlines."""
    found = [
        {
            "name": shown.name,
            "facts": [list(pair) for pair in glance(shown)],
            "outline": [
                {"what": line.what, "fields": [list(pair) for pair in line.fields], "shown": str(line)}
                for line in outline(shown.graph)
            ],
        }
        for shown in adapters
    ]
    pictures = "".join(
        f'<div data-adapter="{escape(shown.name)}" hidden>{thumbnail(shown.graph)}</div>'
        for shown in adapters
    )
    listed = "\n".join(f"- [{escape(shown.name)}]({shown.name}.md)" for shown in adapters)
    parts = [
        HEAD,
        "# Compare adapters",
        "What turns one adapter into the other: inputs, steps and their fields, outputs, dims. Names of "
        "weights and initial values do not count. The address of this page names the two.",
        f'<div class="vc-comparison">{data(found, "vc-data")}{pictures}'
        '<div class="vc-result"><noscript><p>Comparing needs JavaScript; the page of each adapter lists '
        "what it differs from.</p></noscript></div></div>",
        "## All adapters",
        listed,
    ]
    return "\n\n".join(parts) + "\n"


def _facets(shown: Adapter) -> dict[str, object]:
    """What the filters and the sorting of the gallery look at."""
    found = shown.facts
    facets: dict[str, object] = {
        "family": [found.family],
        "ratio": found.patches_per_token.split(" or "),
        "order": [found.order],
        "grid": ["yes" if found.grid else "no"],
        "learned": list(found.learned) or ["none"],
        "attention": ["yes" if found.attention else "no"],
    }
    first = found.patches_per_token.split(" or ")[0]
    ratio = float(first) if first.replace(".", "").isdigit() else {"any number": 1e9, "varies": 1e10}[first]
    words = {name: ", ".join(map(str, value)) for name, value in facets.items() if isinstance(value, list)}
    sizes = ", ".join(shown.variants)
    facets["sort"] = words | {
        "name": shown.name,
        "ratio": ratio,
        "parameters": found.parameters,
        "sizes": sizes,
    }
    return facets
