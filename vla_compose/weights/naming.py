"""Names: which parameter of a checkpoint is which of ours, and in which layout the checkpoint is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
from vla_compose.check.slots import slots
from vla_compose.spec.layouts import Layout
from vla_compose.spec.model import Spec
from vla_compose.weights.errors import MOST, CheckpointError, option, shown
from vla_compose.weights.similar import similar

PLAIN = Layout("vla-compose", "", MappingProxyType({}), MappingProxyType({}))
"""Our own names, as `save_pretrained` of a composed module writes them."""


def mapping(graph: Graph, layout: Layout) -> dict[str, str]:
    """The name in the checkpoint of every state-dict entry, in our state-dict order.

    Raises:
        CheckpointError: two entries would have one name there.
    """
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for ours, _ in graph.entries():
        theirs = layout.there(ours)
        if theirs in taken:
            message = f"layout `{layout.name}` calls both `{taken[theirs]}` and `{ours}` `{theirs}`"
            raise CheckpointError(f"{message}; give each a name of its own under `names`")
        taken[theirs] = ours
        found[ours] = theirs
    return found


def layout_named(spec: Spec, name: str) -> Layout:
    """The layout of that name; `vla-compose` is that of our own files.

    Raises:
        CheckpointError: the spec has none of that name.
    """
    known = _layouts(spec)
    if name in known:
        return known[name]
    raise CheckpointError(f"`{spec.name}` has no layout `{name}`; write one of: {', '.join(known)}")


def recognise(spec: Spec, keys: Collection[str]) -> Layout:
    """The layout in which a checkpoint with these names holds the adapter.

    Lists count with their first module, and steps with a condition do not count, so that the dims need not
    be known.

    Raises:
        CheckpointError: the names fit no layout, or several.
    """
    needed = [slot.first() for slot in slots(infer(spec)) if not slot.conditions]
    known = _layouts(spec)
    given = frozenset(keys)
    missing = {
        name: [theirs for theirs in map(layout.there, needed) if theirs not in given]
        for name, layout in known.items()
    }
    fitting = [name for name, gone in missing.items() if not gone]
    if len(fitting) == 1:
        return known[fitting[0]]
    if fitting:
        listed = ", ".join(f"`{name}`" for name in fitting)
        message = f"the checkpoint holds `{spec.name}` in several layouts: {listed}"
        raise CheckpointError(f"{message}; give one: {option('layout', fitting[0])}")
    summary = f"the names fit no layout of `{spec.name}`; name another spec or checkpoint, or add a layout"
    details = [
        line
        for name, gone in missing.items()
        for line in (_lacking(name, gone, given) if len(gone) < len(needed) else [_absent(name, gone, given)])
    ]
    raise CheckpointError(summary, details)


def _layouts(spec: Spec) -> dict[str, Layout]:
    """The layouts of a spec, and ours unless one of them is the same."""
    if any(not layout.prefix and not layout.names for layout in spec.layouts.values()):
        return dict(spec.layouts)
    own = replace(PLAIN, config={dim: f"dims.{dim}" for dim in spec.dims})
    return {**spec.layouts, PLAIN.name: own}


def _lacking(layout: str, missing: Sequence[str], given: Iterable[str]) -> Iterator[str]:
    """Each name of a layout of which the checkpoint has some."""
    near = similar(missing[:MOST], sorted(given))
    for name in missing:
        yield f"{layout}: {shown(name)} is missing{_hint(near.get(name))}"


def _absent(layout: str, missing: Sequence[str], given: Iterable[str]) -> str:
    near = similar(missing[:1], sorted(given)).get(missing[0])
    return f"{layout}: none of its {len(missing)} names is there, such as {shown(missing[0])}{_hint(near)}"


def _hint(near: str | None) -> str:
    return f", the nearest is {shown(near)}" if near else ""
