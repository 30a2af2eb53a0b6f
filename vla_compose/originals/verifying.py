"""Comparing a spec with its original on the weights of a checkpoint."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vla_compose.api import Source, list_specs, load
from vla_compose.built import built
from vla_compose.check.graph import Graph
from vla_compose.diagnostics import BuildError
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.fit import check_fit, own_graph
from vla_compose.hosts.naming import in_model
from vla_compose.hosts.registry import HOSTS
from vla_compose.lower.module import source as generated
from vla_compose.originals.bits import bits, differing_bits, flat, largest_difference, sha256
from vla_compose.originals.certificate import Case, Certificate, Compared
from vla_compose.originals.errors import VerifyError
from vla_compose.originals.original import Original, load_original
from vla_compose.spec.model import Spec
from vla_compose.weights.checkpoint import open_checkpoint
from vla_compose.weights.fit import FLOATS
from vla_compose.weights.from_checkpoint import from_checkpoint
from vla_compose.weights.loading import report_of
from vla_compose.weights.progress import shown_progress

DTYPES = ("float32", "bfloat16")
SEED = 0


def verify(
    spec: Source,
    source: str | os.PathLike[str],
    *,
    variant: str | None = None,
    revision: str | None = None,
    layout: str | None = None,
    dtypes: Sequence[str] = DTYPES,
    gradients: bool = True,
    token: str | bool | None = None,
    **dims: int,
) -> Certificate:
    """Compare a spec with its original in transformers, on the weights of a released checkpoint.

    Ours is what `from_checkpoint` builds. The original is the model that `config.json` describes; its weights
    are found by the names that transformers gives them, not by the spec's layouts. Both run on the CPU on
    the same random features, on several geometries; outputs and gradients are compared bit for bit.

    Args:
        spec: the name of a shipped spec, a path, or a spec from `load`.
        source: a folder or a repository with the whole model: weights and `config.json`.
        variant: one of the released sizes; must agree with the checkpoint.
        revision: branch, tag or commit on the Hub.
        layout: the name of a layout of the spec; recognised otherwise.
        dtypes: types to compare in.
        gradients: compare gradients of parameters and inputs too.
        token: for the Hub; the saved one otherwise.
        dims: integers that replace dims of the spec; must agree with the checkpoint.

    Returns:
        The certificate; its `equal` says whether no bit differs.

    Raises:
        VerifyError: there is no original to compare with.
        CheckpointError: the checkpoint cannot be read, or does not hold this adapter.
        SpecError: the spec has mistakes.
        BuildError: transformers is not installed, or a variant, dim or dtype does not exist.
    """
    try:
        import transformers
    except ModuleNotFoundError:
        raise BuildError("the original is in transformers: run `pip install 'transformers>=5.24'`") from None
    loaded = spec if isinstance(spec, Spec) else load(spec)
    _check_original(loaded)
    kinds = [_dtype(name) for name in dict.fromkeys(dtypes)]
    options: dict[str, Any] = dims | {"revision": revision, "layout": layout, "token": token}
    ours = from_checkpoint(loaded, source, variant=variant, **options).eval()
    report = report_of(ours)
    assert report is not None
    with (
        shown_progress("reading the original") as show,
        open_checkpoint(
            source, revision=report.revision, token=token, listener=lambda read: show(read, None)
        ) as checkpoint,
    ):
        original = load_original(checkpoint)
    graph = built(ours)
    try:
        own = own_graph(original.host, original.model)
        check_fit(graph, own, type(original.model).__name__)
    except AttachError as error:
        lines = str(error).split("\n  ")
        raise VerifyError(f"the two cannot be compared: {'; '.join(lines)}") from None
    cases: list[Case] = []
    with shown_progress("comparing", counted=True) as show:
        # From many bits to few, because the way back loses some.
        for dtype in sorted(kinds, key=lambda dtype: -dtype.itemsize):
            for case in compare(ours, original, own, dtype, gradients=gradients):
                cases.append(case)
                show(len(cases), None)
    made = type(original.model)
    return Certificate(
        spec=loaded.name,
        spec_sha256=_sha256(loaded.text),
        source_sha256=_sha256(generated(graph)),
        variant=variant,
        layout=report.layout,
        dims=dict(graph.values),
        original=f"{made.__module__}.{made.__qualname__}",
        checkpoint=os.fspath(source),
        revision=report.revision,
        weights_sha256=original.sha256,
        tensors=len(original.names),
        stored=_named(original.dtype),
        device="cpu",
        threads=torch.get_num_threads(),
        versions=_versions(transformers.__version__),
        uncompared=_uncompared(ours, original, graph, own) if gradients else (),
        cases=tuple(cases),
    )


def compare(
    ours: nn.Module, original: Original, own: Graph, dtype: torch.dtype, *, gradients: bool = True
) -> Iterator[Case]:
    """Run both on every geometry of the family.

    Args:
        ours: built from a spec; converted to `dtype`.
        original: converted too.
        own: the graph of the original, at its dims.
        dtype: of weights and inputs.
        gradients: compare gradients too.

    Raises:
        VerifyError: the outputs of both are no numbers.
    """
    ours.to(dtype)
    original.to(dtype)
    graph = built(ours)
    names = [output.name for output, _ in graph.outputs]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        cases = list(original.host.cases(own.values))
    for name, inputs in cases:
        mine, theirs = (_leaves(inputs, dtype, gradients) for _ in range(2))
        with torch.set_grad_enabled(gradients):
            left = _outputs(ours(**mine), names)
            right = _outputs(original.host.call(original.model, theirs), names)
        _check_numbers(left, right, f"{name} in {_named(dtype)}")
        compared = [_compared("output", key, left.get(key), right.get(key)) for key in left | right]
        if gradients:
            compared += _gradients(ours, original, graph, own, (left, right), (mine, theirs))
        sizes = {key: _described(value) for key, value in inputs.items()}
        yield Case(name, _named(dtype), sizes, tuple(compared))


def _uncompared(ours: nn.Module, original: Original, graph: Graph, own: Graph) -> tuple[str, ...]:
    """Parameters of ours whose gradient has none beside it, because the original knows no such name."""
    there = in_model(graph, original.host.seat, own.spec)
    theirs = original.parameters()
    return tuple(name for name, _ in ours.named_parameters() if there.get(name) not in theirs)


def _gradients(
    ours: nn.Module,
    original: Original,
    graph: Graph,
    own: Graph,
    outputs: tuple[dict[str, Tensor], dict[str, Tensor]],
    inputs: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> Iterator[Compared]:
    theirs = original.parameters()
    mine = dict(ours.named_parameters())
    for parameter in (*mine.values(), *theirs.values()):
        parameter.grad = None
    for found in outputs:
        _loss(found).backward()  # type: ignore[no-untyped-call]
    for name, there in in_model(graph, original.host.seat, own.spec).items():
        if name in mine and there in theirs:
            yield _compared("gradient of a parameter", name, mine[name].grad, theirs[there].grad)
    left, right = (flat(given) for given in inputs)
    for name, tensor in left.items():
        if tensor.requires_grad:
            yield _compared("gradient of an input", name, tensor.grad, right[name].grad)


def _loss(outputs: Mapping[str, Tensor]) -> Tensor:
    """Weighs every number of every output differently."""
    generator = torch.Generator().manual_seed(SEED + 1)
    parts = [
        (tensor.float() * torch.randn(tensor.shape, generator=generator)).sum() for tensor in outputs.values()
    ]
    return torch.stack(parts).sum()


def _check_numbers(left: Mapping[str, Tensor], right: Mapping[str, Tensor], case: str) -> None:
    """Not-a-numbers come out equal whatever a spec computes, so that nothing is shown by them."""
    for name in left.keys() & right.keys():
        if not (left[name].isfinite().all() or right[name].isfinite().all()):
            raise VerifyError(
                f"the output `{name}` holds NaN or infinity on both sides ({case}), so that equal bits would "
                "show nothing: the weights are damaged, or need another dtype"
            )


def _compared(what: str, name: str, left: Tensor | None, right: Tensor | None) -> Compared:
    """One tensor of both sides; what one of them lacks counts as different."""
    if left is None or right is None:
        there = left if left is not None else right
        count = 0 if there is None else bits(there)
        shape = () if there is None else tuple(there.shape)
        hashes = ["" if side is None else sha256(side) for side in (left, right)]
        return Compared(what, name, shape, count, count, None if count else 0.0, *hashes)
    differing, digest = differing_bits(left, right), sha256(left)
    same = (0.0, digest, digest)
    return Compared(
        what,
        name,
        tuple(left.shape),
        bits(left),
        differing,
        *(same if not differing else (largest_difference(left, right), digest, sha256(right))),
    )


def _outputs(value: Any, names: Sequence[str]) -> dict[str, Tensor]:
    """Tensors by the names of our outputs."""
    several = value if len(names) > 1 else (value,)
    found: dict[str, Tensor] = {}
    for name, part in zip(names, several, strict=True):
        found |= flat(part, name)
    return found


def _leaves(inputs: Mapping[str, Any], dtype: torch.dtype, gradients: bool) -> dict[str, Any]:
    def leaf(value: Any) -> Any:
        if isinstance(value, list):
            return [leaf(part) for part in value]
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        return value.detach().to(dtype, copy=True).requires_grad_(gradients)

    return {name: leaf(value) for name, value in inputs.items()}


def _described(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} x {_described(value[0])}"
    if isinstance(value, Tensor):
        return str(value.tolist() if value.dtype == torch.int64 else list(value.shape))
    return str(value)


def _check_original(spec: Spec) -> None:
    known = [host.spec for host in HOSTS]
    if spec.name in list_specs() and spec.name not in known:
        raise VerifyError(
            f"transformers has no class of `{spec.name}`, so there is nothing to compare with; "
            f"it has those of: {', '.join(known)}"
        )


def _dtype(name: str) -> torch.dtype:
    kinds = {_named(dtype): dtype for dtype in FLOATS.values()}
    if name not in kinds:
        raise BuildError(f"there is no dtype `{name}` to compare in; there are: {', '.join(kinds)}")
    return kinds[name]


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _versions(transformers: str) -> dict[str, str]:
    from vla_compose import __version__

    return {
        "vla_compose": __version__,
        "torch": str(torch.__version__),
        "transformers": transformers,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
