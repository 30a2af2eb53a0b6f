"""From a document to a `Spec`: fields, names, references. Types come after, in `vla_compose.check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

from vla_compose.diagnostics import SpecError
from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import SAME
from vla_compose.spec.chains import LOST, declared, known_origin, origin_of, parse_chains
from vla_compose.spec.faults import Faults
from vla_compose.spec.fields import read_fields
from vla_compose.spec.inputs import FlagInput, GridInput, Input, SizesInput, TensorInput, input_kind
from vla_compose.spec.layouts import parse_layouts
from vla_compose.spec.model import (
    ROOT,
    SPEC_VERSION,
    Chain,
    Origin,
    Output,
    OutputFields,
    Spec,
    SpecFields,
    names,
)
from vla_compose.spec.names import good_name, good_symbol, pattern
from vla_compose.spec.reader import Document
from vla_compose.spec.words import nearest, safe, slip
from vla_compose.types.dim import Dim

MOST_VARIED = 6_000
"""Steps and dims of all variants together."""
ARGUMENTS = frozenset({"spec", "variant", "device", "dtype"})


def parse_spec(document: Document) -> tuple[Spec | None, Faults]:
    """Check the fields of a document.

    Returns:
        The spec as far as its fields are certain, so that types can be checked, and what was found; `None`
        when it is no spec that this version can read.
    """
    faults = Faults(document)
    versioned = _version(document.value, faults)
    if versioned is None:
        return None, faults
    read = read_fields(SpecFields, versioned, (), faults, what="the spec", spare=_SPARE)
    fields, body = read.fields, read.body
    if fields is None:
        return None, faults
    if read.lost & {"dims", "inputs", "chains"} or any(map(_declares, document.holes)):
        faults.doubt_all()  # what those declare is not known, so no name is missing for certain
    if not body["inputs"] and "inputs" not in read.lost:
        faults.add("VC102", "a spec needs at least one input", ("inputs",), help="add `x: b n vision`")
        faults.doubt_all()
    inputs = _inputs(body["inputs"], faults)
    chains = parse_chains(body, fields, read.lost, inputs, faults)
    outputs = () if "outputs" in read.lost else _outputs(body, chains, inputs, faults)
    dims = None if "dims" in read.lost else body.get("dims", {})
    if not _names(set(dims or ()), set(fields.dims), inputs, chains, faults):
        dims = None
    if dims is not None:
        _variants(fields, dims, faults)
    few = _few(fields, chains, faults)
    layouts = parse_layouts(body.get("layouts"), dims, faults)
    faults.undeclared |= body.get("dims", {}).keys() - fields.dims.keys()
    faults.doubts |= faults.undeclared
    spec = Spec(
        version=fields.spec_version,
        name=fields.name,
        summary=" ".join(fields.summary.split()),
        sources=fields.sources,
        # A dim with a mistake stands for itself, so that it has no value.
        dims={**fields.dims, **{name: Dim.of(name) for name in sorted(faults.undeclared)}},
        inputs=inputs,
        chains=chains,
        outputs=outputs,
        variants=fields.variants if few else {},
        layouts=layouts,
        document=document,
    )
    return spec, faults


def load_spec(document: Document) -> Spec:
    """`parse_spec`, or raise.

    Raises:
        SpecError: with every mistake in the fields.
    """
    spec, faults = parse_spec(document)
    if spec is None or faults.found:
        raise SpecError(faults.found)
    return spec


_SPARE: Final = {"spec_version": SPEC_VERSION, "name": "spec", "inputs": {}}
"""For required fields of a spec that are wrong, so that the others are checked as well."""


def _version(body: dict[str, Any], faults: Faults) -> dict[str, Any] | None:
    """The fields of a spec of this version; `None` for what may be no spec, or is a newer one."""
    version, near = body.get("spec_version"), None
    if "spec_version" not in body:
        near = nearest("spec_version", body)
        help = f"write `spec_version` for `{safe(near)}`" if near else f"add `spec_version: {SPEC_VERSION}`"
        faults.add("VC102", "the spec needs the field `spec_version`", (), help=help)
    elif type(version) is not int or version < 1:
        message = f"`spec_version` must be the integer {SPEC_VERSION}"
        faults.add("VC103", message, ("spec_version",), help=f"write `spec_version: {SPEC_VERSION}`")
    elif version > SPEC_VERSION:
        message = f"spec_version {version} is newer than this vla-compose, which reads up to {SPEC_VERSION}"
        faults.add("VC108", message, ("spec_version",), help="run `pip install -U vla-compose`")
        return None
    else:
        return body
    if len(body.keys() & {"name", "inputs", "steps", "chains"}) < 2:
        return None
    others = {key: value for key, value in body.items() if key not in (near, "spec_version")}
    return {"spec_version": SPEC_VERSION, **others}


def _declares(hole: Path) -> bool:
    """Whether names may be declared at a place that could not be read."""
    return not hole or (hole[0] in ("dims", "inputs", "chains") and len(hole) < 3)


def _inputs(body: Mapping[str, Any], faults: Faults) -> dict[str, Input]:
    found: dict[str, Input] = {}
    for name, value in body.items():
        path: Path = ("inputs", name)
        if not good_name(name, path, faults, variable=True):
            faults.doubt_all()
            continue
        fields = {"type": value} if isinstance(value, str) else value
        parsed = read_fields(input_kind(fields), fields, path, faults, what=f"input `{name}`").fields
        if parsed is not None:
            found[name] = parsed
        else:
            faults.doubt_all()
    return found


def _outputs(
    body: Mapping[str, Any], chains: Mapping[str, Chain], inputs: Mapping[str, Input], faults: Faults
) -> tuple[Output, ...]:
    raw, compile_time = body.get("outputs", {}), set(body.get("dims", ()))
    if not raw and any(LOST in names(chain.source) for chain in chains.values()):
        return ()
    if not raw:
        used = {name for chain in chains.values() for name in names(chain.source)}
        last = [name for name in chains if name not in used]
        return tuple(
            Output("tokens" if len(last) == 1 else name, name, None, _end(body, chains[name]))
            for name in last
        )
    known = declared(body, "chains")
    found: list[Output] = []
    for name, value in raw.items():
        path: Path = ("outputs", name)
        if not good_name(name, path, faults):
            continue
        if isinstance(value, str) and value not in known:
            if any(slip(value, chain) for chain in known):
                message, help = f"output `{name}` does not name a chain", f"write `{nearest(value, known)}`"
                faults.add("VC303", message, path, help=help)
                continue
            value = {"type": value}
        value = {"from": value} if isinstance(value, str) else value
        parsed = read_fields(OutputFields, value, path, faults, what=f"output `{name}`").fields
        if parsed is None:
            continue
        source: Origin = ROOT if parsed.from_ is None else origin_of(parsed.from_, inputs, path, faults)
        if source == ROOT and ROOT not in chains and chains and "steps" not in body:
            if parsed.type not in faults.doubts:
                near = nearest(parsed.type or "", chains)
                help = f"write `{near}`" if near else f"name one of the chains: {', '.join(chains)}"
                faults.add("VC303", f"output `{name}` does not name a chain", path, help=help)
            continue
        if chains and not known_origin(source, path, known, inputs, faults):
            continue
        type_ = pattern(parsed.type, compile_time, path, faults) if parsed.type is not None else None
        if type_ is not None or parsed.type is None:
            found.append(Output(name, source, type_, path))
    return tuple(found)


def _variants(fields: SpecFields, known: Mapping[str, Any], faults: Faults) -> None:
    for variant, dims in fields.variants.items():
        for name in dims:
            if name not in known:
                near = nearest(name, known)
                help = f"write `{near}`" if near else f"add `{safe(name)}` to `dims`"
                message = f"`{safe(name)}` is no dim"
                faults.add("VC305", message, ("variants", variant, name), key=True, help=help)
                faults.undeclared.add(name)


def _few(fields: SpecFields, chains: Mapping[str, Chain], faults: Faults) -> bool:
    """Whether all variants can be checked in a reasonable time; reports it when not."""
    size = len(fields.dims) + sum(_count(chain.steps) for chain in chains.values())
    total = size * len(fields.variants)
    if total > MOST_VARIED:
        message = (
            f"all variants have {total:,} steps and dims together, more than the limit of {MOST_VARIED:,}"
        )
        faults.add(
            "VC209", message, ("variants",), key=True, help="put some of the variants into another spec"
        )
    return total <= MOST_VARIED


def _count(steps: Iterable[Step]) -> int:
    return sum(1 + sum(_count(getattr(step.body, field)) for field in step.body.nested) for step in steps)


def _end(body: Mapping[str, Any], chain: Chain) -> Path:
    """Where an output that is not stated comes from."""
    return ("outputs",) if "outputs" in body else (*chain.path, "steps", len(chain.steps) - 1)


def _names(
    dims: Set[str],
    sound: Set[str],
    inputs: dict[str, Input],
    chains: Mapping[str, Chain],
    faults: Faults,
) -> bool:
    """Report names that cannot stand, or not together; whether those of dims that are `sound` can."""
    before = faults.met
    for name in sorted(sound):
        if name == SAME:
            message = "`same` stands for the channels that arrive, so it cannot be a dim"
            faults.add("VC302", message, ("dims", name), key=True, help=f"name it `{faults.free('width')}`")
        elif name in ARGUMENTS:
            message = f"`{name}` is an argument of `vla_compose.build`, so it cannot be a dim"
            faults.add("VC302", message, ("dims", name), key=True, help=f"name it `{faults.free(name)}`")
        else:
            good_name(name, ("dims", name), faults)
    good = faults.met == before
    if not good:
        faults.doubt_all()  # any name that is missing may be what such a dim was to be
    wrong = _input_names(dims, inputs, chains, faults)
    for name in wrong:
        del inputs[name]
    if wrong:
        faults.doubt_all()  # the sizes that such an input was to give are not known
    inline = {top for chain in chains.values() if chain.inline for top in _tops(chain)}
    for name in chains:
        if name in inline:
            message = f"`{name}` is a chain and a step"
            faults.add("VC301", message, ("chains", name), key=True, help=f"rename the chain `{name}`")
            faults.doubts.add(name)
    return good


def _input_names(
    dims: Set[str], inputs: Mapping[str, Input], chains: Mapping[str, Chain], faults: Faults
) -> set[str]:
    """Report names that cannot stand in types; the inputs that have no certain type for one."""
    wrong: set[str] = set()
    optional = None
    variables: dict[str, Path] = {name.replace(".", "_"): ("chains", name) for name in chains if name}
    variables |= {name: ("inputs", name) for name in inputs}
    # Of an input that a chain starts from, it was said there that it cannot be optional, or is no tensor.
    streams = {name for chain in chains.values() for name in names(chain.source)}
    streams |= set(inputs) if LOST in streams else set()
    given: dict[str, str] = {}
    for name, value in inputs.items():
        path: Path = ("inputs", name)
        has_default = (
            value.optional if isinstance(value, TensorInput) else getattr(value, "default", None) is not None
        ) or isinstance(value, FlagInput)
        if optional and optional not in streams and not has_default:
            message = f"`{name}` must be given, but comes after `{optional}`, which need not be"
            faults.add("VC104", message, path, key=True, help=f"put `{name}` before `{optional}`")
        optional = optional or (name if has_default else None)
        before = faults.met
        if isinstance(value, TensorInput):
            type_ = pattern(value.type, dims, path, faults)
            for symbol in type_.symbols() if type_ is not None else ():
                if symbol in variables and symbol not in dims:
                    _two_things(symbol, variables[symbol], faults)
                elif symbol not in dims and not good_symbol(symbol, variables):
                    message = f"`{safe(symbol)}` cannot be a size: the generated source has that name"
                    other = faults.free(safe(symbol).strip("_") + "_")
                    faults.add("VC107", message, path, help=f"write `{other}`")
            if value.optional and value.each is not None and name not in streams:
                message = f"`{name}` is a list, which cannot be optional"
                faults.add("VC104", message, (*path, "optional"), help="leave out `optional`")
        elif isinstance(value, SizesInput | GridInput):
            field = "sizes" if isinstance(value, SizesInput) else "grid"
            if not value.names:
                faults.add("VC104", f"`{field}` names no size", (*path, field), help=f"write `{field}: h w`")
            for symbol in value.names:
                if symbol in given and given[symbol] not in streams:
                    message = f"`{safe(symbol)}` is given by `{given[symbol]}` already"
                    faults.add("VC301", message, (*path, field), help="give each size once")
                    break
                given[symbol] = name
                if symbol in variables and symbol not in dims:
                    _two_things(symbol, variables[symbol], faults)
                    break
                if not good_symbol(symbol, {*dims, *variables}):
                    message = f"`{safe(symbol)}` cannot be bound at run time"
                    help = f"name sizes that are no dims and no inputs: `{field}: h w`"
                    faults.add("VC107", message, (*path, field), help=help)
                    break
        if (
            isinstance(value, SizesInput)
            and value.default is not None
            and faults.met == before
            and len(value.default) != len(value.names)
        ):
            message = f"`default` has {len(value.default)} values for {len(value.names)} sizes"
            faults.add("VC104", message, (*path, "default"), help=f"give one value each for `{value.sizes}`")
        if faults.met > before:
            wrong.add(name)
    return wrong


def _two_things(symbol: str, path: Path, faults: Faults) -> None:
    """Report a size that has the name of the input or chain at `path`."""
    what = "an input" if path[0] == "inputs" else "a chain"
    message = f"`{symbol}` is {what}, and a size in the type of an input"
    faults.add("VC301", message, path, key=True, help=f"name it `{faults.free(symbol)}`")


def _tops(chain: Chain) -> set[str]:
    return {name.split(".")[0] for step in chain.steps for name in step.body.names() if "." not in name}
