"""Whether an adapter takes what a model gives, and gives what the model takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from vla_compose.api import list_specs, load
from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
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
    wanted, found = dict(_ports(own)), dict(_ports(graph))
    wrong = [
        f"the model {verb} `{wanted[port]}`, the adapter {theirs} "
        + (f"`{found[port]}`" if port in found else "nothing of that name")
        for port, (verb, theirs) in ((port, _VERBS[port[0]]) for port in wanted)
        if found.get(port) != wanted[port]
    ]
    wrong += [
        f"the adapter {_VERBS[port[0]][1]} `{text}`, of which the model knows nothing"
        for port, text in found.items()
        if port not in wanted and not _spare(graph, port)
    ]
    if not wrong:
        return
    lines = [f"the adapter `{graph.spec.name}` does not fit into `{model}`", *wrong]
    dims = {
        name: value
        for name, value in own.values.items()
        if name in graph.values and graph.values[name] != value
    }
    if dims:
        given = "".join(f", {name}={value}" for name, value in dims.items())
        lines.append(f'build it with the sizes of the model: build("{_name(graph.spec)}"{given})')
    else:
        lines.append(
            f"write inputs and outputs as `{own.spec.name}` has them: `vla-compose show {own.spec.name}`"
        )
    raise AttachError("\n  ".join(lines))


def check_tensors(adapter: nn.Module, own: Tensor, model: nn.Module) -> None:
    """Make sure that the adapter has the type and the device of what it stands for.

    Raises:
        AttachError: it has others.
    """
    for mine in adapter.parameters():
        if (mine.dtype, mine.device) != (own.dtype, own.device):
            raise AttachError(
                f"the adapter is {_kind(mine)}, the model {_kind(own)}: "
                f'call adapter.to("{own.device}", {own.dtype}) first'
            )


Port = tuple[str, str | int]
_VERBS = {"input": ("gives", "takes"), "output": ("takes", "gives")}


def _ports(graph: Graph) -> Iterator[tuple[Port, str]]:
    """Inputs by name and outputs by number, each with its type; sizes only known at run time are numbered."""
    symbols: dict[str, int | Dim] = {}

    def shown(type_: TensorType) -> str:
        type_ = type_.substitute(graph.values)
        for name in type_.symbols():
            symbols.setdefault(name, Dim.of("nbhstuvw"[len(symbols)] if len(symbols) < 8 else name))
        return str(type_.substitute(symbols))

    for name, given in graph.spec.inputs.items():
        if isinstance(given, TensorInput):
            yield ("input", name), f"{name}: {shown(graph.inputs[name].type)}"
        elif isinstance(given, FlagInput):
            yield ("input", name), f"{name}: a flag"
        else:
            yield ("input", name), f"{name}: {len(given.names)} sizes"
    for at, (_, edge) in enumerate(graph.outputs):
        yield ("output", at), shown(edge.type)


def _spare(graph: Graph, port: Port) -> bool:
    """Whether the adapter runs without an input."""
    given = graph.spec.inputs.get(str(port[1])) if port[0] == "input" else None
    if given is None:
        return False
    return (
        getattr(given, "optional", False)
        or isinstance(given, FlagInput)
        or bool(getattr(given, "default", ()))
    )


def _name(spec: Spec) -> str:
    """What `build` takes: the name of a shipped spec, or the file."""
    return spec.name if spec.name in list_specs() else spec.document.file or spec.name


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
