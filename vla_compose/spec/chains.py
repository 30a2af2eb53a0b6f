"""Chains: where they start, how they run, and their steps."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

from vla_compose.primitives.base import Path, Step
from vla_compose.spec.faults import Faults
from vla_compose.spec.fields import read_fields
from vla_compose.spec.inputs import FlagInput, GridInput, Input, TensorInput
from vla_compose.spec.model import (
    ROOT,
    Chain,
    ChainFields,
    Choice,
    ChoiceFields,
    Combine,
    CombineFields,
    Origin,
    OriginFields,
    SpecFields,
    names,
)
from vla_compose.spec.names import good_name
from vla_compose.spec.steps import broken, parse_steps
from vla_compose.spec.words import nearest, safe

LOST = "?"
"""Where a chain starts that does not say so in a way that can be read; no name has that character."""
_TYPING: Final = frozenset({"from", "each", "per_image", "inline"})
"""Fields of a chain without which nothing is known of its types."""


def parse_chains(
    body: Mapping[str, Any],
    fields: SpecFields,
    lost: Set[str],
    inputs: dict[str, Input],
    faults: Faults,
) -> dict[str, Chain]:
    """The chains of a spec, top-level steps among them, in declared order.

    An input that has the name of a chain is taken out of `inputs`: which of them is meant is not known.

    Args:
        lost: top-level fields that are wrong.
    """
    found: dict[str, Chain] = {}
    raw = body.get("chains", {})
    for name, value in raw.items():
        path: Path = ("chains", name)
        if not good_name(name, path, faults, dotted=True, variable=True):
            faults.doubt_all()
            continue
        _place(name, value, raw, path, faults)
        if name in inputs and not isinstance(inputs[name], FlagInput):
            faults.add(
                "VC301",
                f"`{name}` is an input and a chain",
                path,
                key=True,
                help=f"rename the chain `{name}`",
            )
            faults.doubt_all()
            inputs.pop(name)
            continue
        read = read_fields(ChainFields, value, path, faults, what=f"chain `{name}`", spare={"steps": [None]})
        parsed = read.fields
        if parsed is None:
            faults.doubts.add(name)
        else:
            source: Origin = LOST
            if (parsed.from_ is not None or not read.lost) and not faults.is_hole(path):
                source = origin_of(parsed.from_, inputs, path, faults)
            steps = _steps(read.body, read.lost, path, faults)
            if parsed.inline and (parsed.each or parsed.per_image):
                message = f"chain `{name}` cannot be inline: it is called more than once"
                faults.add("VC104", message, (*path, "inline"), help="leave out `inline`")
            grid = inputs.get(parsed.per_image or "")
            fits = parsed.per_image is None or isinstance(grid, GridInput)
            if parsed.per_image is not None and not fits and parsed.per_image not in faults.doubts:
                near = nearest(parsed.per_image, [n for n, v in inputs.items() if isinstance(v, GridInput)])
                help = f"write `{near}`" if near else "add the input `grid_thw: {grid: t h w}`"
                message = f"there is no grid input `{safe(parsed.per_image)}`"
                faults.add("VC303", message, (*path, "per_image"), help=help)
            for parameter in parsed.unused:
                good_name(parameter, (*path, "unused", parameter), faults, dotted=True)
            twice = parsed.inline and (parsed.each or parsed.per_image)
            found[name] = Chain(
                name,
                LOST if read.lost & _TYPING or twice or not fits else source,
                each=parsed.each,
                per_image=parsed.per_image,
                inline=parsed.inline,
                steps=steps,
                order=tuple(parsed.order),
                unused=parsed.unused,
                path=path,
            )
    if "steps" in {*body, *lost}:
        source = LOST if lost & _TYPING or faults.is_hole(()) else origin_of(fields.from_, inputs, (), faults)
        for name in fields.unused:
            good_name(name, ("unused", name), faults, dotted=True)
        found[ROOT] = Chain(
            ROOT,
            source,
            each=False,
            per_image=None,
            inline=True,
            steps=_steps(body, lost, (), faults),
            order=tuple(fields.order),
            unused=fields.unused,
            path=(),
        )
    elif not raw and not lost:
        faults.add(
            "VC102", "the spec needs `steps` or `chains`", (), help="add `steps:` and one primitive a line"
        )
    _variables(found, inputs, faults)
    for chain in found.values():
        known = [*declared(body, "inputs"), *declared(body, "chains")]
        known_origin(chain.source, (*chain.path, "from"), known, inputs, faults, own=chain.name)
    return _acyclic(found, faults)


def _steps(body: Mapping[str, Any], lost: Set[str], path: Path, faults: Faults) -> tuple[Step, ...]:
    at = (*path, "steps")
    return (broken(at),) if "steps" in lost else parse_steps(body["steps"], at, faults)


def _place(name: str, value: Any, chains: Mapping[str, Any], path: Path, faults: Faults) -> None:
    """A chain `a.b` is a part of the chain `a`, which must be a module by then."""
    above, _, last = name.rpartition(".")
    if not above:
        return
    if last.isdigit():
        message, help = (
            f"the chain `{name}` ends with a number",
            "end it with a name; `each: true` numbers copies",
        )
        faults.add("VC109", message, path, key=True, help=help)
        return
    parent = chains.get(above)
    earlier = above in list(chains)[: list(chains).index(name)]
    one = isinstance(parent, dict) and not parent.get("each") and not parent.get("inline")
    inline = isinstance(value, dict) and value.get("inline")
    if not inline and not (earlier and one) and above not in faults.doubts:
        message = f"`{name}` would be a part of the chain `{above}`, but no such chain stands before it"
        if earlier:
            message = f"`{name}` would be a part of the chain `{above}`, which is not one module"
        faults.add(
            "VC303",
            message,
            path,
            key=True,
            help=f"write `{name.replace('.', '_')}`, or add the chain `{above}`",
        )
        faults.doubts.add(above)


def _variables(chains: Mapping[str, Chain], inputs: Mapping[str, Input], faults: Faults) -> None:
    """Each chain gets a variable in generated source; dots become `_` there."""
    taken = {name: name for name in inputs}
    for name, chain in chains.items():
        variable = f"{name}_result" if name in inputs else name.replace(".", "_")
        if variable in taken:
            message = f"`{name}` and `{taken[variable]}` would both be `{variable}` in the generated source"
            faults.add("VC301", message, chain.path, key=True, help=f"rename the chain `{name}`")
            faults.doubts.add(name)
        taken[variable] = name


def declared(body: Mapping[str, Any], field: str) -> list[str]:
    """The names of inputs or chains, those with a mistake of their own too, as far as they can be shown."""
    names_ = body.get(field)
    return [name for name in names_ if name.isascii()] if isinstance(names_, dict) else []


def known_origin(
    origin: Origin,
    path: Path,
    known: list[str],
    inputs: Mapping[str, Input],
    faults: Faults,
    own: str | None = None,
) -> bool:
    """Whether every name that a chain or an output starts from exists; reports those that do not."""
    before = faults.met
    for name in names(origin):
        if name == LOST or name in faults.doubts:
            continue
        if (name or not isinstance(origin, str)) and name not in known:
            tensors = (n for n in known if n not in inputs or isinstance(inputs[n], TensorInput))
            others = [n for n in dict.fromkeys(tensors) if n and n != own]
            near = nearest(name, others)
            listed = f"write one of: {', '.join(others)}" if others else f"add the chain `{safe(name)}`"
            help = f"write `{near}`" if near else listed
            faults.add("VC303", f"there is no input or chain `{safe(name)}`", path, help=help)
        elif known.count(name) == 1 and name in inputs and not isinstance(inputs[name], TensorInput):
            faults.add("VC303", f"`{name}` is no tensor", path, help="start from a tensor input or a chain")
        elif known.count(name) == 1 and name in inputs and getattr(inputs[name], "optional", False):
            message = f"`{name}` is optional, so nothing can start from it"
            faults.add("VC205", message, path, help="leave out `optional`, or start from another input")
    flag = origin.flag if isinstance(origin, Choice) else None
    if flag is not None and flag not in faults.doubts and not isinstance(inputs.get(flag), FlagInput):
        flags = [n for n, value in inputs.items() if isinstance(value, FlagInput)]
        near = nearest(flag, flags)
        help = f"write `flag: {near}`" if near else f"add `{safe(flag)}: {{flag: false}}` to `inputs`"
        faults.add("VC303", f"there is no flag `{safe(flag)}`", (*path, "flag"), help=help)
    return faults.met == before


def _acyclic(chains: dict[str, Chain], faults: Faults) -> dict[str, Chain]:
    """Declared order is kept; a chain may not feed itself."""
    state: dict[str, bool] = {}

    def visit(name: str) -> bool:
        if name not in chains or state.get(name):
            return False
        if name in state:
            return True
        state[name] = False
        cyclic = any(visit(source) for source in names(chains[name].source) if source)
        state[name] = True
        return cyclic

    for chain in chains.values():
        if chain.name not in state and visit(chain.name):
            message = f"chain `{chain.name or 'steps'}` starts from itself"
            faults.add("VC304", message, (*chain.path, "from"), help="start one of the chains from an input")
    return chains


def origin_of(given: OriginFields, inputs: Mapping[str, Input], path: Path, faults: Faults) -> Origin:
    """Where a chain starts; the only tensor input when it does not say."""
    if isinstance(given, ChoiceFields):
        return Choice(given.flag, given.then, given.else_)
    if isinstance(given, CombineFields):
        return (
            Combine("add", tuple(given.add)) if given.add else Combine(given.axis, tuple(given.concat or ()))
        )
    if given == "":
        faults.add(
            "VC303", "`from` names nothing", (*path, "from"), help="write the name of an input or a chain"
        )
        return LOST
    if given is not None:
        return given
    tensors = [
        name for name, value in inputs.items() if isinstance(value, TensorInput) and not value.optional
    ]
    if tensors and (len(tensors) == 1 or not path):
        return tensors[0]
    if tensors:
        message = f"chain `{path[-1]}` does not say where it starts"
        faults.add("VC102", message, path, key=True, help=f"add `from: {tensors[0]}`")
    elif not faults.doubts:
        optional = next((name for name, value in inputs.items() if isinstance(value, TensorInput)), None)
        help = f"leave out `optional` of `{optional}`" if optional else "add `x: b n vision`"
        faults.add("VC102", "no input is a tensor that steps could start from", ("inputs",), help=help)
    return LOST
