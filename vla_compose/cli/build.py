"""`vla-compose build`: compile a spec and run the module once."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from vla_compose.cli.console import examples, show
from vla_compose.cli.documents import DimOption, SpecArgument, VariantOption
from vla_compose.diagnostics import BuildError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vla_compose.check.graph import Graph
    from vla_compose.cli.sizes import Sizes
    from vla_compose.report.table import Section


class Dtype(StrEnum):
    """Floating-point types of parameters and features."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


HELP = f"""Compile a spec and run it once.

The module runs on random features; prints tokens in and out, parameters and memory. Needs torch. Sizes are
small, or those of an image, which is resized to whole merge cells as image processors do.

With --checkpoint, weights are those of a released model: a folder with safetensors files, one file, or a
repository on the Hub, of which only the adapter is read. It tells the dims.

{
    examples(
        "vla-compose build qwen2-vl",
        "vla-compose build qwen2-vl --variant 7b --dtype bfloat16",
        "vla-compose build hunyuan-ocr --image-size 1280x720 --patch-size 16",
        "vla-compose build qwen2-vl --checkpoint Qwen/Qwen2-VL-2B-Instruct",
    )
}
"""


def command(
    spec: SpecArgument,
    variant: VariantOption = None,
    dim: DimOption = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where to run, such as cpu or cuda.")] = "cpu",
    dtype: Annotated[
        Dtype | None,
        typer.Option(help="Type of parameters and features: float32, or what the checkpoint has."),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Take as many features as an image of this size has patches."),
    ] = None,
    patch_size: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, metavar="N", help="Side of a patch in pixels; needed for --image-size."
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Take weights from a folder, a .safetensors file or OWNER/NAME."),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Branch, tag or commit of the repository of --checkpoint."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Layout of --checkpoint, where its names do not tell."),
    ] = None,
) -> None:
    """Run `vla-compose build`."""
    from vla_compose.cli.documents import graph
    from vla_compose.report import table

    image = _image(image_size, patch_size)
    if checkpoint is None:
        for name, value in (("--revision", revision), ("--layout", layout)):
            if value is not None:
                raise BuildError(
                    f"`{name} {value}` is for a checkpoint: add `--checkpoint SOURCE`, or leave it out"
                )
        found = graph(spec, variant, dim)
        kind = (dtype or Dtype.float32).value
        sections = [_run(found, _fresh(found, kind, device), variant, device, kind, image)]
    else:
        sections = _loaded(spec, variant, dim, device, dtype, image, Source(checkpoint, revision, layout))
    show(lambda: table.render(sections), lambda: table.styled(sections))


class Source(NamedTuple):
    """Where weights come from."""

    checkpoint: str
    revision: str | None
    layout: str | None


class _Image(NamedTuple):
    """An image in pixels, and the side of the patches that a vision encoder cuts it into."""

    width: int
    height: int
    patch: int


def _image(text: str | None, patch: int | None) -> _Image | None:
    if text is None:
        if patch is not None:
            raise BuildError(f"`--patch-size {patch}` is for an image: add `--image-size 1280x720`")
        return None
    width, sign, height = text.lower().partition("x")
    sides = [int(side) for side in (width, height) if side.isascii() and side.isdigit() and len(side) <= 5]
    if not sign or len(sides) != 2 or min(sides) < 1:
        raise BuildError(
            f"`--image-size {text}` is not WIDTHxHEIGHT in pixels, such as `--image-size 1280x720`"
        )
    if patch is None:
        raise BuildError(
            "a spec does not say how large the patches of its vision encoder are: add `--patch-size 14`, "
            "or what the encoder has"
        )
    return _Image(sides[0], sides[1], patch)


def _fresh(graph: Graph, dtype: str, device: str) -> Callable[[], nn.Module]:
    torch = _torch()
    from vla_compose.compiled import compiled

    def make() -> nn.Module:
        with torch.device(device):
            return compiled(graph)().to(getattr(torch, dtype))

    return make


def _loaded(
    spec: str,
    variant: str | None,
    dim: list[str] | None,
    device: str,
    dtype: Dtype | None,
    image: _Image | None,
    source: Source,
) -> list[Section]:
    torch = _torch()
    from vla_compose import report_of
    from vla_compose.api import certain
    from vla_compose.cli.documents import document, given
    from vla_compose.compiled import graph_of
    from vla_compose.report.loaded import described
    from vla_compose.weights.adapter import adapter_in
    from vla_compose.weights.checkpoint import open_checkpoint
    from vla_compose.weights.progress import shown_progress

    parsed = certain(document(spec))
    with (
        shown_progress(f"reading {parsed.name}") as progress,
        open_checkpoint(
            source.checkpoint, revision=source.revision, listener=lambda read: progress(read, None)
        ) as opened,
    ):
        module = adapter_in(
            opened,
            parsed,
            variant=variant,
            layout=source.layout,
            device=device,
            dtype=None if dtype is None else getattr(torch, dtype.value),
            dims=given(dim),
            progress=progress,
        )
    graph, report = graph_of(module), report_of(module)
    assert graph is not None
    assert report is not None
    return [described(report), _run(graph, lambda: module, variant, device, report.dtype, image)]


def _run(
    graph: Graph,
    make: Callable[[], nn.Module],
    variant: str | None,
    device: str,
    dtype: str,
    image: _Image | None,
) -> Section:
    from vla_compose.cli.sizes import grid_of, grid_sizes, small_sizes
    from vla_compose.report import formula, table

    torch = _torch()
    facts = [("dims", ", ".join(f"{name} {value}" for name, value in graph.values.items()))]
    if image is None:
        sizes = small_sizes(graph)
    else:
        patch = image.patch
        rows, columns = grid_of(graph, (image.width, image.height), patch)
        sizes = grid_sizes(graph, (rows, columns))
        resized = f"{columns * patch}x{rows * patch}, {rows} x {columns} patches of {patch}"
        facts.append(("image", f"{image.width}x{image.height} as {resized}"))
    try:
        module = make()
        arguments = _arguments(graph, sizes, torch.device(device), getattr(torch, dtype))
        with torch.no_grad():
            result = module(**arguments)
    except (RuntimeError, AssertionError, NotImplementedError, MemoryError) as error:
        # What torch says of a device that is not there, of memory that ends, of a type that it lacks.
        reason = str(error).strip().split("\n")[0] or "not enough memory"
        raise BuildError(f"torch cannot run it in {dtype} on {device}: {reason}") from None
    results = result if isinstance(result, tuple) else (result,)
    facts += [(f"in {name}", _described(value)) for name, value in arguments.items()]
    facts += [
        (f"out {output.name}", _described(value))
        for (output, _), value in zip(graph.outputs, results, strict=True)
    ]
    count = sum(parameter.numel() for parameter in module.parameters())
    size = sum(value.numel() * value.element_size() for value in (*module.parameters(), *module.buffers()))
    facts += [("parameters", f"{count:,}"), ("memory", f"{formula.memory(size)} of weights")]
    facts += [("dtype", dtype), ("device", device)]
    return table.Section(f"{graph.spec.name} ({variant})" if variant else graph.spec.name, facts)


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError:
        raise BuildError("building needs PyTorch: run `pip install 'vla-compose[torch]'`") from None
    return torch


def _arguments(graph: Graph, sizes: Sizes, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Random features for every input that has no default."""
    import torch

    from vla_compose.spec.inputs import FlagInput, GridInput, SizesInput

    generator = torch.Generator().manual_seed(1)
    held = graph.holds()
    found: dict[str, Any] = {}
    for name, value in graph.spec.inputs.items():
        if isinstance(value, SizesInput):
            found[name] = tuple(sizes[symbol] for symbol in value.names)
        elif isinstance(value, GridInput):
            found[name] = torch.tensor([[sizes[symbol] for symbol in value.names]], device=device)
        elif isinstance(value, FlagInput):
            found[name] = value.flag
        elif not value.optional:
            type_ = graph.inputs[name].type.substitute(graph.values).substitute(sizes)
            shape = [axis.size.constant or 1 for axis in type_.axes]
            copies = 1 if type_.each is None else type_.each.constant or 1
            if held.get(name) in ("mask", "scores"):  # nothing is hidden
                fill = held[name] == "mask"
                tensors = [torch.full(shape, fill, device=device) for _ in range(copies)]
            elif held.get(name) == "integers":
                tensors = [torch.arange(shape[0], device=device) for _ in range(copies)]
            else:
                tensors = [torch.randn(shape, generator=generator).to(device, dtype) for _ in range(copies)]
            found[name] = tensors[0] if type_.each is None else tensors
    return found


def _described(value: Any) -> str:
    """`1,024 tokens [1024, 1280]`, a number, or a list of tensors."""
    if isinstance(value, list):
        return f"{len(value)} x {_described(value[0])}" if value else "no tensors"
    if not hasattr(value, "shape"):
        return " ".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
    if not value.is_floating_point():
        kind = "booleans" if value.dtype == _torch().bool else "integers"
        return str(value.tolist()) if value.numel() <= 12 else f"{value.numel():,} {kind} {list(value.shape)}"
    tokens = value.numel() // value.shape[-1]
    return f"{tokens:,} tokens {list(value.shape)}"
