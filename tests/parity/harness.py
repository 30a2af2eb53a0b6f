"""Bit-for-bit comparison of a composed module with its original.

A model is described once, as a `Reference`; every test that needs it takes it from there::

    MERGER = Reference(
        name="qwen2-vl",
        spec="qwen2-vl",
        dims={"vision": 16, "text": 24},
        original=lambda: PatchMerger(24, 16),
        cases=(Case("one image", lambda: {"x": torch.randn(48, 16)}),),
    )


    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(("reference", "case"), each_case([MERGER]))
    def test_parity(reference, case, dtype):
        assert_parity(reference, case, dtype)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vla_compose

DTYPES = [pytest.param(torch.float32, id="fp32"), pytest.param(torch.bfloat16, id="bf16")]

Inputs = dict[str, Any]


def call_in_order(original: nn.Module, inputs: Inputs) -> Any:
    """Call the original with our inputs, in their order."""
    return original(*inputs.values())


@dataclass(frozen=True)
class Case:
    """One geometry.

    `inputs` makes what our `forward` takes, by name: tensors, lists of tensors, anything else. It draws from
    torch's seeded global generator. Floating-point tensors are cast to the dtype of the test, keep their
    strides and require a gradient. `call` calls the original with its own copy of the same inputs; its
    outputs, flattened, must be ours in the same order.
    """

    name: str
    inputs: Callable[[], Inputs]
    call: Callable[[Any, Inputs], Any] = call_in_order


@dataclass(frozen=True)
class Reference:
    """An original and the spec that reproduces it.

    Attributes:
        name: test id.
        spec: name of a shipped spec, path, or `Spec`.
        dims: a tiny configuration, given to `build`.
        original: makes the original with the same configuration.
        cases: geometries.
        rename: beginnings of the original's state-dict names, and ours; the longest that fits is used.
        variant: given to `build`.
        tolerance: 0 for equal bits. Otherwise the largest difference allowed, as a part of the largest value;
            only for an original that is a formulation of our own.
    """

    name: str
    spec: Any
    dims: Mapping[str, Any]
    original: Callable[[], nn.Module]
    cases: tuple[Case, ...]
    rename: Mapping[str, str] = field(default_factory=dict)
    variant: str | None = None
    tolerance: float = 0.0

    def build(self, **options: Any) -> Any:
        """Our module; untyped, so that a test may reach its parts by name."""
        return vla_compose.build(self.spec, variant=self.variant, **self.dims, **options)

    def ours(self, name: str) -> str:
        """Our state-dict name of one of the original's."""
        for start in sorted(self.rename, key=len, reverse=True):
            if name.startswith(start):
                return self.rename[start] + name.removeprefix(start)
        return name


def each_case(references: Iterable[Reference]) -> list[Any]:
    """Arguments for `parametrize(("reference", "case"), ...)`."""
    return [pytest.param(r, case, id=f"{r.name}-{case.name}") for r in references for case in r.cases]


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter values that show: no zeros and no ones, in norms neither."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            values = values * fan_in**-0.5 if parameter.dim() > 1 else 0.7 + 0.5 * values
            parameter.copy_(values)
    return module


def flatten(value: Any) -> list[Tensor]:
    """The tensors in nested tuples, lists and mappings, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [tensor for part in value for tensor in flatten(part)] if isinstance(value, list | tuple) else []


def leaves(value: Any, dtype: torch.dtype, made: dict[int, Tensor] | None = None) -> Any:
    """A copy of inputs: floating-point tensors as leaves of `dtype` that require gradients, strides kept.

    What is one tensor stays one: `made` holds the copies by the `id` of the tensor.
    """
    made = {} if made is None else made
    if isinstance(value, Mapping):
        return {name: leaves(part, dtype, made) for name, part in value.items()}
    if isinstance(value, list) or (isinstance(value, tuple) and flatten(value)):
        return type(value)(leaves(part, dtype, made) for part in value)
    if not isinstance(value, Tensor):
        return value
    if not value.is_floating_point():
        return value.clone()
    if id(value) not in made:
        made[id(value)] = _leaf(value, dtype)
    return made[id(value)]


def _leaf(value: Tensor, dtype: torch.dtype) -> Tensor:
    extent = 1 + sum((size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True))
    copy = torch.zeros(extent, dtype=dtype).as_strided(value.shape, value.stride())
    return copy.copy_(value.detach()).detach().requires_grad_()


def loss(outputs: list[Tensor], seed: int = 1) -> Tensor:
    """A float32 loss (float64 for float64) that weighs every number of every output differently."""
    generator = torch.Generator().manual_seed(seed)
    total = outputs[0].new_zeros((), dtype=torch.promote_types(outputs[0].dtype, torch.float32))
    for output in outputs:
        total = total + (output.to(total.dtype) * torch.randn(output.shape, generator=generator)).sum()
    return total


def assert_same(ours: Tensor | None, theirs: Tensor | None, what: str, tolerance: float = 0.0) -> None:
    """Equal bits, or nearly equal numbers where a tolerance is given."""
    if theirs is None or ours is None:
        assert ours is theirs, f"{what}: one of the two has none"
        return
    assert ours.dtype == theirs.dtype, f"{what}: {ours.dtype} instead of {theirs.dtype}"
    assert ours.shape == theirs.shape, f"{what}: {list(ours.shape)} instead of {list(theirs.shape)}"
    assert theirs.isfinite().all(), f"{what}: the original is not finite, so nothing was compared"
    difference = (ours.double() - theirs.double()).abs().max().item() if ours.numel() else 0.0
    scale = max(theirs.abs().max().item(), 1.0) if theirs.numel() else 1.0
    same = difference <= tolerance * scale if tolerance else torch.equal(ours, theirs)
    wrong = int((ours != theirs).sum())
    assert same, f"{what}: {wrong} of {ours.numel()} numbers differ, by up to {difference:.3g} of {scale:.3g}"


def load_weights(ours: nn.Module, original: nn.Module, reference: Reference) -> None:
    """Load the original's state dict strictly; names, order, shapes and dtypes must be equal."""
    weights = {reference.ours(name): value for name, value in original.state_dict().items()}
    mine = ours.state_dict()
    assert list(mine) == list(weights)
    for name, value in weights.items():
        assert (mine[name].shape, mine[name].dtype) == (value.shape, value.dtype), name
    ours.load_state_dict(weights, strict=True)
    frozen = {reference.ours(name) for name, p in original.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, p in ours.named_parameters() if not p.requires_grad}


def pair(
    reference: Reference, dtype: torch.dtype, *, build: Callable[[], nn.Module] | None = None, seed: int = 0
) -> tuple[nn.Module, nn.Module]:
    """Our module and the original in eval mode, with the same random weights."""
    torch.manual_seed(seed)
    original = randomise(reference.original(), seed).to(dtype).eval()
    ours = (build or reference.build)().to(dtype).eval()
    load_weights(ours, original, reference)
    return ours, original


def assert_parity(
    reference: Reference,
    case: Case,
    dtype: torch.dtype,
    *,
    build: Callable[[], nn.Module] | None = None,
    seed: int = 0,
) -> None:
    """Outputs, parameter gradients and input gradients of our module and of the original are equal.

    Args:
        reference: the model.
        case: the geometry.
        dtype: of weights and inputs.
        build: makes our module, where it is not `reference.build()`.
        seed: of weights and inputs.
    """
    ours, original = pair(reference, dtype, build=build, seed=seed)
    torch.manual_seed(seed)
    inputs = case.inputs()
    mine, their = leaves(inputs, dtype), leaves(inputs, dtype)
    assert [t.stride() for t in flatten(mine)] == [t.stride() for t in flatten(inputs)]

    outputs, expected = flatten(ours(**mine)), flatten(case.call(original, their))
    _assert_all(outputs, expected, "output", reference.tolerance)
    loss(outputs).backward()
    loss(expected).backward()

    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    for name, parameter in original.named_parameters():
        name = reference.ours(name)
        assert_same(gradients[name], parameter.grad, f"gradient of {name}", reference.tolerance)
    assert any(gradient is not None and gradient.any() for gradient in gradients.values())
    for at, (left, right) in enumerate(zip(flatten(mine), flatten(their), strict=True)):
        assert_same(left.grad, right.grad, f"gradient of input {at}", reference.tolerance)

    with torch.no_grad():
        _assert_all(
            flatten(ours(**mine)), flatten(case.call(original, their)), "inference", reference.tolerance
        )


def _assert_all(ours: list[Tensor], theirs: list[Tensor], what: str, tolerance: float) -> None:
    assert len(ours) == len(theirs) > 0, f"{len(ours)} outputs instead of {len(theirs)}"
    for at, (left, right) in enumerate(zip(ours, theirs, strict=True)):
        assert_same(left, right, f"{what} {at}", tolerance)


def run_source(text: str) -> nn.Module:
    """The module that ejected source describes: an instance of its last class."""
    module = ModuleType("ejected")
    exec(compile(text, "<ejected>", "exec"), module.__dict__)
    classes = [
        value for value in vars(module).values() if isinstance(value, type) and value.__module__ == "ejected"
    ]
    return classes[-1]()
