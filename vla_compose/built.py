"""A built module and the graph it was made from, while the two still agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from vla_compose.check.graph import Graph
from vla_compose.diagnostics import VlaComposeError

if TYPE_CHECKING:
    from torch import nn

MOST_NAMES = 3


class ModuleError(VlaComposeError):
    """A module is not, or no longer, what a spec describes."""


def built(module: nn.Module) -> Graph:
    """The graph of a module that `build`, `from_checkpoint` or `from_pretrained` made.

    Raises:
        ModuleError: the module was made by something else, is a part of a built module, or its state dict is
            no longer that of its spec.
    """
    from vla_compose.compiled import graph_of

    graph = graph_of(module)
    if graph is None:
        raise ModuleError(_stranger(module))
    found = {name: tuple(value.shape) for name, value in module.state_dict(keep_vars=True).items()}
    wanted = dict(graph.entries())
    if found != wanted:
        raise ModuleError(_changed(graph, wanted, found))
    return graph


def _stranger(module: nn.Module) -> str:
    from vla_compose.compiled import PREFIX, graph_of

    name = type(module).__name__
    if type(module).__module__.startswith(PREFIX):
        return (
            f"this `{name}` is a part of a built module, and a part has no spec of its own: "
            "pass the whole module, the one that `vla_compose.build` returned"
        )
    inside = {path: found for path, part in module.named_modules() if (found := graph_of(part)) is not None}
    if inside:
        path, graph = next(iter(inside.items()))
        return f"this `{name}` holds the `{graph.spec.name}` at `{path}`: pass `module{_reach(path)}`"
    return f"this `{name}` was not made by vla_compose: pass a module that `vla_compose.build` returned"


def _reach(path: str) -> str:
    """`a.0.b` as Python reaches it from a module: `.a[0].b`."""
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("."))


def _changed(graph: Graph, wanted: Mapping[str, object], found: Mapping[str, object]) -> str:
    extra = [name for name in found if name not in wanted]
    missing = [name for name in wanted if name not in found]
    shapes = [
        f"`{name}` is {found[name]}, not {wanted[name]}"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    told = [
        f"{what} {_listed(names)}"
        for what, names in (
            ("it has besides", [f"`{name}`" for name in extra]),
            ("it lacks", [f"`{name}`" for name in missing]),
            ("of another shape:", shapes),
        )
        if names
    ]
    if any("lora_" in name for name in extra):
        fix = "merge the LoRA weights first, with `merge_and_unload()` of peft"
    else:
        fix = "give it back the parameters of its spec, or write what it became as a spec of its own"
    return f"this module is no longer the `{graph.spec.name}` that was built: {'; '.join(told)}. Fix: {fix}"


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - MOST_NAMES:,} more" if len(shown) > MOST_NAMES else ""
    return ", ".join(shown[:MOST_NAMES]) + more
