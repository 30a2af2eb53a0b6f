"""The constructor of a generated class: members in state-dict order, with containers for dotted names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vla_compose.check.graph import in_order
from vla_compose.primitives.base import Member


def containers(members: Sequence[Member]) -> dict[str, bool]:
    """Paths that hold members but are none themselves; true where a child is numbered."""
    found: dict[str, bool] = {}
    for member in members:
        parts = member.path.split(".")
        for at in range(1, len(parts)):
            prefix = ".".join(parts[:at])
            found[prefix] = found.get(prefix, False) or parts[at].isdigit()
    return found


def constructor(
    members: Sequence[Member],
    order: Sequence[str],
    held: Mapping[str, bool] | None = None,
    made: set[str] | None = None,
) -> list[str]:
    """Statements of `__init__` after `super().__init__()`.

    Args:
        members: what is registered.
        order: submodules that come first.
        held: the containers of the class, where other chains register members in it too.
        made: those of them that there are already; new ones are added.
    """
    held = containers(members) if held is None else held
    made = set() if made is None else made
    lines: list[str] = []
    for member in in_order(members, order):
        parts = member.path.split(".")
        for at in range(1, len(parts)):
            prefix = ".".join(parts[:at])
            if prefix not in made:
                made.add(prefix)
                lines.append(f"{reach(prefix, held)} = nn.{'ModuleDict' if held[prefix] else 'Module'}()")
        target = reach(member.path, held)
        lines.append(f"{target} = {member.code}")
        lines += [line.format(self=target) for line in member.init]
    return lines


def reach(path: str, held: Mapping[str, bool]) -> str:
    """Source of a member: `self.proj["0"]`, `self.attn.k_proj`."""
    head, *rest = path.split(".")
    text, at = f"self.{head}", head
    for part in rest:
        text += f'["{part}"]' if held.get(at) and part.isdigit() else f".{part}"
        at = f"{at}.{part}"
    return text
