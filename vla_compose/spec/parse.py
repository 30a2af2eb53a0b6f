"""From a document to a `Spec`: fields, names, references. Types come after, in `vla_compose.check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vla_compose.diagnostics import SpecError
from vla_compose.primitives import REGISTRY
from vla_compose.primitives.base import Path, Step
from vla_compose.primitives.fields import RESERVED, check_name
from vla_compose.spec.faults import Faults, _safe, nearest
from vla_compose.spec.inputs import FlagInput, GridInput, Input, SizesInput, TensorInput, input_kind
from vla_compose.spec.model import (
    ROOT,
    SPEC_VERSION,
    Chain,
    ChainFields,
    Choice,
    ChoiceFields,
    Combine,
    CombineFields,
    Origin,
    OriginFields,
    Output,
    OutputFields,
    Spec,
    SpecFields,
    names,
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
    outputs = _outputs(body, chains, inputs, faults)
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
        parsed = faults.model(input_kind(fields), fields, path, what=f"input `{name}`")
        if parsed is not None:
            found[name] = parsed
    return found


def _chains(
    body: Mapping[str, Any], fields: SpecFields | None, inputs: Mapping[str, Input], faults: Faults
) -> dict[str, Chain]:
    found: dict[str, Chain] = {}
    raw = body.get("chains", {})
    for name, value in raw.items() if isinstance(raw, dict) else ():
        path: Path = ("chains", name)
        if not _good_name(name, path, faults, dotted=True):
            continue
        if isinstance(inputs.get(name), TensorInput):
            faults.add(
                "VC301",
                f"`{name}` is an input and a chain",
                path,
                key=True,
                help=f"rename the chain `{name}`",
            )
        parsed = faults.model(ChainFields, value, path, what=f"chain `{name}`")
        if parsed is not None:
            source = _source(parsed.from_, inputs, path, faults)
            steps = _steps(parsed.steps, (*path, "steps"), faults)
            if parsed.inline and (parsed.each or parsed.per_image):
                message = f"chain `{name}` cannot be inline: it is called more than once"
                faults.add("VC104", message, (*path, "inline"), help="leave out `inline`")
            if parsed.per_image is not None and not isinstance(inputs.get(parsed.per_image), GridInput):
                near = nearest(parsed.per_image, [n for n, v in inputs.items() if isinstance(v, GridInput)])
                help = f"write `{near}`" if near else "add the input `grid_thw: {grid: t h w}`"
                message = f"there is no grid input `{_safe(parsed.per_image)}`"
                faults.add("VC303", message, (*path, "per_image"), help=help)
            found[name] = Chain(
                name,
                source,
                each=parsed.each,
                per_image=parsed.per_image,
                inline=parsed.inline,
                steps=steps,
                order=tuple(parsed.order),
                unused=parsed.unused,
                path=path,
            )
    if "steps" in body:
        steps = _steps(body["steps"], ("steps",), faults)
        source = _source(fields.from_ if fields else None, inputs, (), faults)
        order, unused = (tuple(fields.order), fields.unused) if fields else ((), {})
        found[ROOT] = Chain(
            ROOT,
            source,
            each=False,
            per_image=None,
            inline=True,
            steps=steps,
            order=order,
            unused=unused,
            path=(),
        )
    elif not found and not faults.found:
        faults.add(
            "VC102", "the spec needs `steps` or `chains`", (), help="add `steps:` and one primitive a line"
        )
    for chain in found.values():
        _known_origin(chain.source, (*chain.path, "from"), [*inputs, *found], inputs, faults, own=chain.name)
    return _acyclic(found, faults)


def _known_origin(
    origin: Origin,
    path: Path,
    known: list[str],
    inputs: Mapping[str, Input],
    faults: Faults,
    own: str | None = None,
) -> None:
    """Every name that a chain or an output starts from exists."""
    for name in names(origin):
        if name and name not in known:
            others = [n for n in known if n and n != own]
            near = nearest(name, others)
            help = f"write `{near}`" if near else f"write one of: {', '.join(others)}"
            faults.add("VC303", f"there is no input or chain `{_safe(name)}`", path, help=help)
        elif known.count(name) == 1 and name in inputs and not isinstance(inputs[name], TensorInput):
            faults.add("VC303", f"`{name}` is no tensor", path, help="start from a tensor input or a chain")
    if isinstance(origin, Choice) and not isinstance(inputs.get(origin.flag), FlagInput):
        flags = [n for n, value in inputs.items() if isinstance(value, FlagInput)]
        near = nearest(origin.flag, flags)
        help = f"write `flag: {near}`" if near else f"add `{_safe(origin.flag)}: {{flag: false}}` to `inputs`"
        faults.add("VC303", f"there is no flag `{_safe(origin.flag)}`", (*path, "flag"), help=help)


def _acyclic(chains: dict[str, Chain], faults: Faults) -> dict[str, Chain]:
    """Declared order is kept; a chain may not feed itself."""
    state: dict[str, bool] = {}

    def visit(name: str) -> bool:
        if name not in chains or state.get(name):
            return False
        if name in state:
            return True
        state[name] = False
        cyclic = any(visit(source) for source in names(chains[name].source))
        state[name] = True
        return cyclic

    for chain in chains.values():
        if chain.name not in state and visit(chain.name):
            message = f"chain `{chain.name or 'steps'}` starts from itself"
            faults.add("VC304", message, (*chain.path, "from"), help="start one of the chains from an input")
    return chains


def _source(given: OriginFields, inputs: Mapping[str, Input], path: Path, faults: Faults) -> Origin:
    if isinstance(given, ChoiceFields):
        return Choice(given.flag, given.then, given.else_)
    if isinstance(given, CombineFields):
        return (
            Combine("add", tuple(given.add)) if given.add else Combine(given.axis, tuple(given.concat or ()))
        )
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
    return ""


def _steps(body: Any, path: Path, faults: Faults) -> tuple[Step, ...]:
    if not isinstance(body, list) or not body:
        faults.add(
            "VC103",
            "`steps` must be a list with at least one step",
            path,
            help="write `- linear: {name: proj, out: text}`",
        )
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
            shown = ", ".join(_safe(key) for key in list(value)[:4])
            message = f"a step names one primitive, not {len(value)}: {shown}"
            help = "put braces around the fields, or a `-` before each primitive"
        faults.add("VC103", message, path, help=help)
        return None
    ((kind, body),) = value.items()
    at = (*path, kind)
    primitive = REGISTRY.get(kind)
    if primitive is None:
        near = nearest(kind, REGISTRY)
        help = f"write `{near}`" if near else f"use one of: {', '.join(sorted(REGISTRY))}"
        faults.add(
            "VC105",
            f"unknown primitive `{_safe(kind)}`",
            at,
            key=True,
            help=help,
        )
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


def _outputs(
    body: Mapping[str, Any], chains: Mapping[str, Chain], inputs: Mapping[str, Input], faults: Faults
) -> tuple[Output, ...]:
    raw, dims = body.get("outputs", {}), body.get("dims")
    compile_time = set(dims) if isinstance(dims, dict) else set()
    if not isinstance(raw, dict):
        return ()
    if not raw:
        used = {name for chain in chains.values() for name in names(chain.source)}
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
        source: Origin = ROOT if parsed.from_ is None else _source(parsed.from_, inputs, path, faults)
        if source == ROOT and ROOT not in chains and chains:
            known = ", ".join(chains)
            message = f"output `{name}` does not name a chain"
            faults.add("VC303", message, path, help=f"name one of the chains: {known}")
            continue
        before = len(faults.found)
        if chains:
            _known_origin(source, path, list(chains), inputs, faults)
        if len(faults.found) > before:
            continue
        type_ = _pattern(parsed.type, compile_time, path, faults) if parsed.type is not None else None
        found.append(Output(name, source, type_, path))
    return tuple(found)


def _pattern(text: str, dims: set[str], path: Path, faults: Faults) -> TensorType | None:
    try:
        return parse_pattern(text, dims)
    except PatternError as error:
        faults.add(
            "VC107", f"the pattern is wrong: {error}", path, help="write a pattern such as `b (h w) vision`"
        )
        return None


def _names(
    fields: SpecFields, inputs: Mapping[str, Input], chains: Mapping[str, Chain], faults: Faults
) -> None:
    for name in fields.dims:
        _good_name(name, ("dims", name), faults)
    for variant, dims in fields.variants.items():
        for name in dims:
            if name not in fields.dims:
                near = nearest(name, fields.dims)
                help = f"write `{near}`" if near else f"add `{_safe(name)}` to `dims`"
                message = f"variant `{_safe(variant)}` sets `{_safe(name)}`, which is no dim"
                faults.add("VC305", message, ("variants", variant, name), key=True, help=help)
    _input_names(fields, inputs, faults)
    inline = {top for chain in chains.values() if chain.inline for top in _tops(chain)}
    for name in chains:
        if name in inline:
            message = f"`{name}` is a chain and a step"
            faults.add("VC301", message, ("chains", name), key=True, help=f"rename the chain `{name}`")


def _input_names(fields: SpecFields, inputs: Mapping[str, Input], faults: Faults) -> None:
    optional = None
    for name, value in inputs.items():
        path: Path = ("inputs", name)
        has_default = (
            value.optional if isinstance(value, TensorInput) else getattr(value, "default", None) is not None
        ) or isinstance(value, FlagInput)
        if optional and not has_default:
            message = f"`{name}` must be given, but comes after `{optional}`, which need not be"
            faults.add("VC104", message, path, key=True, help=f"put `{name}` before `{optional}`")
        optional = optional or (name if has_default else None)
        if isinstance(value, TensorInput):
            _pattern(value.type, set(fields.dims), path, faults)
        elif isinstance(value, SizesInput | GridInput):
            field = "sizes" if isinstance(value, SizesInput) else "grid"
            for symbol in value.names:
                if (
                    not symbol.isidentifier()
                    or symbol in fields.dims
                    or symbol in inputs
                    or symbol in RESERVED
                ):
                    message = f"`{_safe(symbol)}` cannot be bound at run time"
                    help = f"name sizes that are no dims and no inputs: `{field}: h w`"
                    faults.add("VC107", message, (*path, field), help=help)
        if (
            isinstance(value, SizesInput)
            and value.default is not None
            and len(value.default) != len(value.names)
        ):
            message = f"`default` has {len(value.default)} values for {len(value.names)} sizes"
            faults.add("VC104", message, (*path, "default"), help=f"give one value each for `{value.sizes}`")


def _tops(chain: Chain) -> set[str]:
    return {name.split(".")[0] for step in chain.steps for name in step.body.names() if "." not in name}


def _good_name(name: str, path: Path, faults: Faults, *, dotted: bool = False) -> bool:
    try:
        good = dotted or "." not in check_name(name)
        check_name(name)
        message = f"`{_safe(name)}` must be one name without dots"
    except ValueError as error:
        good, message = False, str(error)
    if not good:
        code = "VC302" if name in RESERVED else "VC109"
        faults.add(code, message, path, key=True, help="use letters, digits and `_`")
    return good
