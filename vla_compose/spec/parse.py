"""From a document to a `Spec`: fields, names, references. Types come after, in `vla_compose.check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vla_compose.diagnostics import SpecError
from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import RESERVED, check_name
from vla_compose.spec.faults import Faults, _safe, nearest
from vla_compose.spec.model import (
    ROOT,
    SPEC_VERSION,
    Chain,
    ChainFields,
    Input,
    Output,
    OutputFields,
    SizesInput,
    Spec,
    SpecFields,
    TensorInput,
)
from vla_compose.spec.reader import Document
from vla_compose.types.tensor import PatternError, TensorType, parse_pattern


def parse_spec(document: Document) -> tuple[Spec | None, Faults]:
    """Check the fields of a document.

    Returns:
        The spec, or `None` when a field is wrong, and what was found.
    """
    faults = Faults(document)
    body = document.value
    if not _version(body, faults):
        return None, faults
    fields = faults.model(SpecFields, body, (), what="the spec")
    inputs = _inputs(body.get("inputs"), faults)
    chains = _chains(body, fields, inputs, faults)
    outputs = _outputs(body, chains, body.get("dims"), faults)
    if fields is not None:
        _names(fields, inputs, chains, faults)
    if fields is None or faults.found:
        return None, faults
    spec = Spec(
        version=fields.spec_version,
        name=fields.name,
        summary=" ".join(fields.summary.split()),
        sources=fields.sources,
        dims=fields.dims,
        inputs=inputs,
        chains=chains,
        outputs=outputs,
        variants=fields.variants,
        document=document,
    )
    return spec, faults


def load_spec(document: Document) -> Spec:
    """`parse_spec`, or raise.

    Raises:
        SpecError: with every mistake in the fields.
    """
    spec, faults = parse_spec(document)
    if spec is None:
        raise SpecError(faults.found)
    return spec


def _version(body: Mapping[str, Any], faults: Faults) -> bool:
    version = body.get("spec_version")
    if "spec_version" not in body:
        near = nearest("spec_version", body)
        help = f"write `spec_version` for `{_safe(near)}`" if near else f"add `spec_version: {SPEC_VERSION}`"
        faults.add("VC102", "the spec needs the field `spec_version`", (), help=help)
        return False
    if type(version) is not int or version < 1:
        message = f"`spec_version` must be the integer {SPEC_VERSION}"
        faults.add("VC103", message, ("spec_version",), help=f"write `spec_version: {SPEC_VERSION}`")
        return False
    if version > SPEC_VERSION:
        message = f"spec_version {version} is newer than this vla-compose, which reads up to {SPEC_VERSION}"
        faults.add("VC108", message, ("spec_version",), help="run `pip install -U vla-compose`")
        return False
    return True


def _inputs(body: Any, faults: Faults) -> dict[str, Input]:
    found: dict[str, Input] = {}
    if not isinstance(body, dict):
        return found
    if not body:
        faults.add("VC102", "a spec needs at least one input", ("inputs",), help="add `x: b n vision`")
    for name, value in body.items():
        path: Path = ("inputs", name)
        if not _good_name(name, path, faults):
            continue
        fields = {"type": value} if isinstance(value, str) else value
        kind = SizesInput if isinstance(fields, dict) and "sizes" in fields else TensorInput
        parsed = faults.model(kind, fields, path, what=f"input `{name}`")
        if parsed is not None:
            found[name] = parsed
    return found


def _chains(body: Mapping[str, Any], fields: SpecFields | None, inputs: Mapping[str, Input], faults: Faults) -> dict[str, Chain]:
    found: dict[str, Chain] = {}
    raw = body.get("chains", {})
    for name, value in raw.items() if isinstance(raw, dict) else ():
        path: Path = ("chains", name)
        if not _good_name(name, path, faults):
            continue
        if name in inputs:
            faults.add("VC301", f"`{name}` is an input and a chain", path, key=True, help=f"rename the chain `{name}`")
        parsed = faults.model(ChainFields, value, path, what=f"chain `{name}`")
        if parsed is not None:
            source = _source(parsed.from_, inputs, path, faults)
            steps = _steps(parsed.steps, (*path, "steps"), faults)
            found[name] = Chain(name, source, parsed.each, steps, tuple(parsed.order), parsed.unused, path)
    if "steps" in body:
        steps = _steps(body["steps"], ("steps",), faults)
        from_ = body.get("from") if isinstance(body.get("from"), str) else None
        order, unused = (tuple(fields.order), fields.unused) if fields else ((), {})
        found[ROOT] = Chain(ROOT, _source(from_, inputs, (), faults), False, steps, order, unused, ())
    elif not found and not faults.found:
        faults.add("VC102", "the spec needs `steps` or `chains`", (), help="add `steps:` and one primitive a line")
    for chain in found.values():
        if chain.source not in inputs and chain.source not in found and chain.source:
            known = [n for n in (*inputs, *found) if n and n != chain.name]
            near = nearest(chain.source, known)
            help = f"write `from: {near}`" if near else f"write one of: {', '.join(known)}"
            faults.add("VC303", f"there is no input or chain `{_safe(chain.source)}`", (*chain.path, "from"), help=help)
    return _sorted(found, faults)


def _sorted(chains: dict[str, Chain], faults: Faults) -> dict[str, Chain]:
    """Declared order is kept; a chain may not feed itself."""
    for chain in chains.values():
        seen = {chain.name}
        at = chain
        while at.source in chains:
            at = chains[at.source]
            if at.name in seen:
                if at.name == chain.name:
                    message = f"chain `{chain.name or 'steps'}` starts from itself"
                    faults.add("VC304", message, (*chain.path, "from"), help="start one of the chains from an input")
                break
            seen.add(at.name)
    return chains


def _source(given: str | None, inputs: Mapping[str, Input], path: Path, faults: Faults) -> str:
    if given is not None:
        return given
    tensors = [name for name, value in inputs.items() if isinstance(value, TensorInput) and not value.optional]
    if tensors and (len(tensors) == 1 or not path):
        return tensors[0]
    if tensors:
        message = f"chain `{path[-1]}` does not say where it starts"
        faults.add("VC102", message, path, key=True, help=f"add `from: {tensors[0]}`")
    return ""


def _steps(body: Any, path: Path, faults: Faults) -> tuple[Step, ...]:
    if not isinstance(body, list) or not body:
        faults.add("VC103", "`steps` must be a list with at least one step", path, help="write `- linear: {name: proj, out: text}`")
        return ()
    found = [_step(value, (*path, at), faults) for at, value in enumerate(body)]
    return tuple(step for step in found if step is not None)


def _step(value: Any, path: Path, faults: Faults) -> Step | None:
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or len(value) != 1:
        message = "a step is one primitive with its fields"
        help = "write `- linear: {name: proj, out: text}`"
        if isinstance(value, dict) and len(value) > 1:
            message = f"a step names one primitive, not {len(value)}: {', '.join(_safe(k) for k in list(value)[:4])}"
            help = "put braces around the fields, or a `-` before each primitive"
        faults.add("VC103", message, path, help=help)
        return None
    ((kind, body),) = value.items()
    at = (*path, kind)
    primitive = REGISTRY.get(kind)
    if primitive is None:
        near = nearest(kind, REGISTRY)
        help = f"write `{near}`" if near else f"use one of: {', '.join(sorted(REGISTRY))}"
        faults.add("VC105", f"unknown primitive `{_safe(kind)}`", at if isinstance(value, dict) else path, key=True, help=help)
        return None
    if body is None:
        body = {}
    if isinstance(body, list) and primitive.nested:
        body = {primitive.nested[0]: body}
    if not isinstance(body, dict) and primitive.shorthand:
        body = {primitive.shorthand: body}
    before = len(faults.found)
    if isinstance(body, dict):
        body = dict(body)
        for field in primitive.nested:
            if field in body:
                body[field] = _steps(body[field], (*at, field), faults)
    parsed = faults.model(primitive, body, at, what=f"`{kind}`")
    return Step(kind, parsed, at) if parsed is not None and len(faults.found) == before else None


def _outputs(body: Mapping[str, Any], chains: Mapping[str, Chain], dims: Any, faults: Faults) -> tuple[Output, ...]:
    raw = body.get("outputs", {})
    names = set(dims) if isinstance(dims, dict) else set()
    if not isinstance(raw, dict):
        return ()
    if not raw:
        used = {chain.source for chain in chains.values()}
        last = [name for name in chains if name not in used]
        return tuple(Output("tokens" if len(last) == 1 else name, name, None, ("outputs",)) for name in last)
    found: list[Output] = []
    for name, value in raw.items():
        path: Path = ("outputs", name)
        if not _good_name(name, path, faults):
            continue
        if isinstance(value, str):
            value = {"from": value} if value in chains else {"type": value}
        parsed = faults.model(OutputFields, value, path, what=f"output `{name}`")
        if parsed is None:
            continue
        source = parsed.from_ if parsed.from_ is not None else ROOT
        if source not in chains and chains:
            near = nearest(source, chains) if source else None
            known = ", ".join(n for n in chains if n)
            help = f"write `{near}`" if near else f"name one of the chains: {known}"
            message = f"there is no chain `{_safe(source)}`" if source else f"output `{name}` does not name a chain"
            faults.add("VC303", message, path, help=help)
            continue
        type_ = _pattern(parsed.type, names, path, faults) if parsed.type is not None else None
        found.append(Output(name, source, type_, path))
    return tuple(found)


def _pattern(text: str, dims: set[str], path: Path, faults: Faults) -> TensorType | None:
    try:
        return parse_pattern(text, dims)
    except PatternError as error:
        faults.add("VC107", f"the pattern is wrong: {error}", path, help="write a pattern such as `b (h w) vision`")
        return None


def _names(fields: SpecFields, inputs: Mapping[str, Input], chains: Mapping[str, Chain], faults: Faults) -> None:
    for name in fields.dims:
        _good_name(name, ("dims", name), faults)
    for variant, dims in fields.variants.items():
        for name in dims:
            if name not in fields.dims:
                near = nearest(name, fields.dims)
                help = f"write `{near}`" if near else f"add `{_safe(name)}` to `dims`"
                message = f"variant `{_safe(variant)}` sets `{_safe(name)}`, which is no dim"
                faults.add("VC305", message, ("variants", variant, name), key=True, help=help)
    for name, value in inputs.items():
        if isinstance(value, TensorInput):
            _pattern(value.type, set(fields.dims), ("inputs", name), faults)
        else:
            for symbol in value.sizes.split():
                if not symbol.isidentifier() or symbol in fields.dims:
                    message = f"`{_safe(symbol)}` cannot be bound at run time"
                    faults.add("VC107", message, ("inputs", name, "sizes"), help="name sizes that are no dims: `sizes: h w`")
            if value.default is not None and len(value.default) != len(value.sizes.split()):
                message = f"`default` has {len(value.default)} values for {len(value.sizes.split())} sizes"
                faults.add("VC104", message, ("inputs", name, "default"), help=f"give one value each for `{value.sizes}`")
    if ROOT in chains and any(name and name in _roots(chains[ROOT]) for name in chains):
        clash = next(name for name in chains if name and name in _roots(chains[ROOT]))
        faults.add("VC301", f"`{clash}` is a chain and a step", ("chains", clash), key=True, help=f"rename `{clash}`")


def _roots(chain: Chain) -> set[str]:
    return {str(getattr(step.body, "name", "")).split(".")[0] for step in chain.steps}


def _good_name(name: str, path: Path, faults: Faults) -> bool:
    try:
        good = "." not in check_name(name)
        message = f"`{_safe(name)}` must be one name without dots"
    except ValueError as error:
        good, message = False, str(error)
    if not good:
        code = "VC302" if name in RESERVED else "VC109"
        faults.add(code, message, path, key=True, help="use letters, digits and `_`")
    return good
