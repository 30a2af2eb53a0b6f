"""Sizes that `forward` uses when it is called without them, against what the steps demand."""

from __future__ import annotations

from vla_compose.check.graph import Graph, Requirement
from vla_compose.spec.faults import Faults
from vla_compose.spec.inputs import SizesInput


def check_defaults(graph: Graph, faults: Faults) -> None:
    """A default must keep every contract that it decides."""
    for name, value in graph.spec.inputs.items():
        if not isinstance(value, SizesInput) or value.default is None:
            continue
        sizes = dict(zip(value.names, value.default, strict=True))
        for requirement in (r for checked in graph.chains for r in checked.requirements if not r.text):
            if not _kept(requirement, sizes):
                given = ", ".join(f"{size} = {number}" for size, number in sizes.items())
                message = f"with the default {given}, the module would refuse its input: {requirement}"
                help = "change `default`, or leave it out"
                faults.add("VC203", message, ("inputs", name, "default"), help=help)
                break


def _kept(requirement: Requirement, sizes: dict[str, int]) -> bool:
    size = requirement.size.substitute(sizes).constant
    return size is None or (size % requirement.multiple_of == 0 and size >= requirement.at_least)
