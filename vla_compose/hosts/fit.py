"""Whether an adapter takes what a model gives, and gives what the model takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from vla_compose.api import list_specs, load
from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
from vla_compose.diagnostics import SpecError
from vla_compose.hosts.base import Host
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.naming import MODEL, home
from vla_compose.spec.inputs import FlagInput, TensorInput
from vla_compose.spec.model import Spec
from vla_compose.types.dim import Dim
from vla_compose.types.tensor import TensorType
from vla_compose.weights.dims import dims_of
from vla_compose.weights.errors import CheckpointError


def own_graph(host: Host, model: nn.Module) -> Graph:
    """The graph of the model's own adapter: the shipped spec, at the dims that its weights and config tell.

    Raises:
        AttachError: they do not agree, so that nothing can be compared with them.
    """
    spec = load(host.spec)
    shapes = {
        f"{MODEL}{name}": tuple(value.shape) for name, value in model.state_dict(keep_vars=True).items()
    }
    config: dict[str, Any] = getattr(model.config, "to_dict", dict)()
    try:
        return infer(spec, dims_of(spec, home(spec), shapes, config))
    except CheckpointError as error:
        raise AttachError(
            f"the adapter of this `{type(model).__name__}` is not that of `{host.spec}`: {error}"
        ) from None


def check_fit(graph: Graph, own: Graph, model: str) -> None:
    """Compare what goes in and what comes out, with names, order and sizes.

    Raises:
        AttachError: listing what differs, and how to build the adapter instead.
    """
    wrong = _differences(graph, own)
    if not wrong:
        return
    lines = [f"the adapter `{graph.spec.name}` does not fit into `{model}`", *wrong]
    dims = {
        name: value
        for name, value in own.values.items()
        if name in graph.values and graph.values[name] != value
    }
    if dims and _fits(graph, dims, own):
        sizes = "".join(f", {name}={value}" for name, value in dims.items())
        lines.append(f'build it with the sizes of the model: build("{_name(graph.spec)}"{sizes})')
    else:
        lines.append(
            f"write inputs and outputs as `{own.spec.name}` has them: `vla-compose show {own.spec.name}`"
        )
    raise AttachError("\n  ".join(lines))


def _differences(graph: Graph, own: Graph) -> list[str]:
    wanted, found = dict(_ports(own)), dict(_ports(graph))
    wrong = [
        f"the model {gives} `{port.text}`, the adapter {takes} "
        + (f"`{found[key].text}`" if key in found else "nothing of that name")
        for key, port in wanted.items()
        for gives, takes in (_VERBS[key[0]],)
        if key not in found or found[key].form != port.form
    ]
    wrong += [
        f"the adapter {_VERBS[key[0]][1]} `{port.text}`, of which the model knows nothing"
        for key, port in found.items()
        if key not in wanted and not port.spare
    ]
    given, taken = ([name for kind, name in ports if kind == "input"] for ports in (wanted, found))
    if not wrong and taken[: len(given)] != given:
        wrong.append(f"the model gives {_listed(given)} in this order, the adapter takes {_listed(taken)}")
    return wrong


def _fits(graph: Graph, dims: Mapping[str, int], own: Graph) -> bool:
    """Whether an adapter of these sizes would fit, so that it can be advised."""
    try:
        return not _differences(infer(graph.spec, {**graph.values, **dims}), own)
    except SpecError:
        return False


def check_tensors(adapter: nn.Module, own: Iterable[Tensor]) -> None:
    """Make sure that the adapter has the type and the device of what it stands for.

    Args:
        adapter: what is put in.
        own: the parameters of the model's own adapter.

    Raises:
        AttachError: it has others.
    """
    # What is quantised says nothing of the type in which a model computes.
    first = next((tensor for tensor in own if tensor.is_floating_point()), None)
    if first is None:
        return
    for mine in adapter.parameters():
        if (mine.dtype, mine.device) == (first.dtype, first.device):
            continue
        check_values([mine], "adapter")
        check_values([first], "model's own adapter")
        raise AttachError(
            f"the adapter is {_kind(mine)}, the model {_kind(first)}: "
            f'call adapter.to("{first.device}", {first.dtype}) first'
        )


def check_values(tensors: Iterable[Tensor], which: str) -> None:
    """Make sure that tensors hold numbers that can be copied.

    Raises:
        AttachError: they are on the meta device, or quantised.
    """
    for tensor in tensors:
        if tensor.is_meta:
            raise AttachError(
                f"the {which} is on the meta device, without weights: load it into memory first"
            )
        if not tensor.is_floating_point():
            raise AttachError(
                f"the {which} is quantised ({_dtype(tensor)}): load it without quantisation, or take the "
                "weights from its checkpoint with `from_checkpoint`"
            )


class _Port(NamedTuple):
    """An input or output: as the spec writes it, with numbered sizes, and whether it may be left out."""

    text: str
    form: str
    spare: bool = False


_VERBS = {"input": ("gives", "takes"), "output": ("takes", "gives")}


def _ports(graph: Graph) -> Iterator[tuple[tuple[str, str | int], _Port]]:
    """Inputs by name and outputs by number. Sizes that only a call tells are numbered over all of them."""
    numbered: dict[str, int | Dim] = {}

    def port(name: str, type_: TensorType, spare: bool) -> _Port:
        type_ = type_.substitute(graph.values)
        for symbol in type_.symbols():
            numbered.setdefault(symbol, Dim.of(f"size{len(numbered)}"))
        return _Port(f"{name}{type_}", f"{name}{type_.substitute(numbered)}", spare)

    for name, given in graph.spec.inputs.items():
        if isinstance(given, TensorInput):
            yield ("input", name), port(f"{name}: ", graph.inputs[name].type, given.optional)
        elif isinstance(given, FlagInput):
            yield ("input", name), _Port(f"{name}: a flag", "flag", spare=True)
        else:
            text = f"{name}: {len(given.names)} sizes"
            yield ("input", name), _Port(text, text, spare=bool(getattr(given, "default", None)))
    for at, (_, edge) in enumerate(graph.outputs):
        yield ("output", at), port("", edge.type, False)


def _listed(names: list[str | int]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _name(spec: Spec) -> str:
    """What `build` takes: the name of a shipped spec, or the file."""
    return spec.name if spec.name in list_specs() else spec.document.file or spec.name


def _kind(tensor: Tensor) -> str:
    return f"{_dtype(tensor)} on {tensor.device}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
