"""The Python API. Everything that needs torch imports it inside the function that does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_compose.catalog import find, shipped
from vla_compose.check.graph import Graph
from vla_compose.check.infer import infer
from vla_compose.diagnostics import BuildError, Diagnostic, SpecError
from vla_compose.lower.module import source
from vla_compose.spec.faults import Faults
from vla_compose.spec.model import Spec
from vla_compose.spec.parse import parse_spec
from vla_compose.spec.reader import Document, read_file, read_text
from vla_compose.spec.words import nearest
from vla_compose.types.dim import Dim

if TYPE_CHECKING:
    import torch
    from torch import nn

Source = str | os.PathLike[str] | Spec


def load(name_or_path: str | os.PathLike[str]) -> Spec:
    """Read a spec and check its fields and types.

    Args:
        name_or_path: the name of a shipped spec (see `list_specs`) or the path of a YAML file.

    Returns:
        The validated spec.

    Raises:
        SpecError: with every mistake, each with its line and a fix.
        BuildError: it is the text of a spec.
    """
    spec, found = _checked(_document(name_or_path))
    if spec is None or found:
        raise SpecError(found)
    return spec


def check(name_or_path_or_text: str | os.PathLike[str]) -> list[Diagnostic]:
    """Find every mistake in a spec, at its own dims and at those of each variant. Never imports torch.

    One mistake does not hide the others: what is certain beside it is checked as well.

    Args:
        name_or_path_or_text: the name of a shipped spec, a path, or YAML text (anything with a line break).

    Returns:
        The mistakes in file order; empty when the spec is valid.
    """
    try:
        document = _document(name_or_path_or_text, text=True)
    except SpecError as error:
        return list(error.diagnostics)
    return check_document(document)


def check_document(document: Document) -> list[Diagnostic]:
    """`check` for a document that was read already."""
    return _checked(document)[1]


def certain(document: Document) -> Spec:
    """The spec of a document, whose types are not checked.

    Raises:
        SpecError: a field is wrong; with every mistake of types too.
    """
    spec, faults = parse_spec(document)
    if spec is None or faults.found:
        raise SpecError(check_document(document))
    return spec


def build(
    spec: Source,
    *,
    variant: str | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    **dims: int,
) -> nn.Module:
    """Build the adapter as a PyTorch module in train mode, with fresh weights.

    Args:
        spec: the name of a shipped spec, a path, or a spec from `load`.
        variant: one of the released sizes that the spec lists.
        device: where parameters live; `"meta"` allocates nothing.
        dtype: of floating-point parameters; torch's default otherwise.
        dims: integers that replace dims of the spec, after the variant's.

    Returns:
        The module. `forward` takes the declared inputs by name and in order; one output gives a tensor,
        several give a tuple.

    Raises:
        SpecError: the spec has mistakes, or has them with these dims.
        BuildError: there is no such variant, dim or dtype, or torch is not installed.
    """
    graph = compose(spec, variant=variant, **dims)
    try:
        import torch
    except ModuleNotFoundError:
        raise BuildError("building needs PyTorch: run `pip install 'vla-compose[torch]'`") from None
    from vla_compose.compiled import compiled
    from vla_compose.weights.fit import FLOATS

    given: Any = dtype
    if given is not None and not (isinstance(given, torch.dtype) and given in FLOATS.values()):
        raise BuildError(f"parameters cannot be {dtype!r:.60}: give a type such as `torch.bfloat16`")
    made = compiled(graph)
    if device is None:
        module = made()
    else:
        with torch.device(device):
            module = made()
    return module if dtype is None else module.to(dtype)


def eject(spec: Source, *, variant: str | None = None, **dims: int) -> str:
    """The source that `build` runs, as one file that imports nothing but torch. Does not import torch.

    Raises:
        SpecError: the spec has mistakes, or has them with these dims.
        BuildError: there is no such variant or dim.
    """
    return source(compose(spec, variant=variant, **dims))


def compose(spec: Source, *, variant: str | None = None, **dims: int) -> Graph:
    """The checked graph of a spec: the type of every edge, every parameter, the token formula.

    Raises:
        SpecError: the spec has mistakes, or has them with these dims.
        BuildError: there is no such variant or dim.
    """
    loaded = spec if isinstance(spec, Spec) else certain(_document(spec))
    return infer(loaded, overrides(loaded, variant, dims))


def overrides(spec: Spec, variant: str | None, dims: Mapping[str, Any]) -> dict[str, int | Dim]:
    """The dims of a variant, and over them those given.

    Raises:
        BuildError: there is no such variant or dim, or a value is no positive integer.
    """
    found: dict[str, int | Dim] = {}
    if variant is not None:
        if variant not in spec.variants:
            raise BuildError(_unknown("variant", variant, spec.variants, spec.name))
        found.update(spec.variants[variant])
    for name, value in dims.items():
        if name not in spec.dims:
            raise BuildError(_unknown("dim", name, spec.dims, spec.name))
        found[name] = _integer(name, value)
    return found


def _integer(name: str, value: Any) -> int:
    """A dim as Python's own integer: numpy's are welcome too."""
    try:
        given = 0 if isinstance(value, bool) else index(value)
    except TypeError:
        given = 0
    if given < 1:
        raise BuildError(f"dim `{name}` must be a positive integer, not {value!r:.60}")
    return given


def list_specs() -> list[str]:
    """The names of the shipped specs, sorted."""
    return sorted(shipped())


def _unknown(what: str, name: str, known: Mapping[str, Any], spec: str) -> str:
    near = nearest(name, known)
    hint = f"did you mean `{near}`?" if near else f"there are: {', '.join(known) or 'none'}"
    return f"`{spec}` has no {what} `{name}`; {hint}"


def _document(name: str | os.PathLike[str], *, text: bool = False) -> Document:
    if text and isinstance(name, str) and ("\n" in name or not name.strip()):
        return read_text(name, partly=True)
    if isinstance(name, str) and "\n" in name:
        raise BuildError(
            "this is the text of a spec: only `check` takes that, all else takes a name or a path"
        )
    path = find(name)
    return read(name, path if path is not None else Path(name))


def read(name: str | os.PathLike[str], path: str | os.PathLike[str]) -> Document:
    """Read the file that a name stands for, as far as it can be read.

    Raises:
        SpecError: nothing can be read; for a name that no shipped spec has, with the nearest one.
    """
    try:
        return read_file(path, partly=True)
    except SpecError as error:
        raise SpecError([_with_hint(found, str(name)) for found in error.diagnostics]) from None


def _with_hint(found: Diagnostic, name: str) -> Diagnostic:
    if found.name != "missing-file":
        return found
    near = nearest(name, shipped())
    if near:
        return replace(found, help=f"write `{near}`, a shipped spec")
    bare = not name.endswith((".yaml", ".yml")) and "/" not in name and os.sep not in name
    return replace(found, help="run `vla-compose list` to see the shipped specs") if bare else found


_MANY = 100
"""So many mistakes are enough to mend before variants are looked at, each of which takes as long."""


def _checked(document: Document) -> tuple[Spec | None, list[Diagnostic]]:
    spec, faults = parse_spec(document)
    return spec, _in_file_order(faults.found if spec is None else _check_spec(spec, faults))


def _check_spec(spec: Spec, faults: Faults) -> list[Diagnostic]:
    """All mistakes: those of fields, and those of types for the spec's own dims and for each variant."""
    before = faults.fresh()
    found = _inferred(spec, faults)
    places = {one.span for one in found}
    failing: dict[Diagnostic, list[str]] = {}
    for name in spec.variants if len(found) < _MANY else ():
        for one in _inferred(spec, before.fresh(), name):
            if one.span not in places:
                failing.setdefault(one, []).append(name)
    return [*found, *(_in_variants(one, names) for one, names in failing.items())]


def _inferred(spec: Spec, faults: Faults, variant: str | None = None) -> Sequence[Diagnostic]:
    try:
        infer(spec, spec.variants[variant] if variant else None, faults, variant=variant)
    except SpecError as error:
        return error.diagnostics
    return ()


def _in_variants(found: Diagnostic, names: list[str]) -> Diagnostic:
    shown = ", ".join(f"`{name}`" for name in names)
    where = f"in variant {shown}" if len(names) == 1 else f"in variants {shown}"
    return replace(found, message=f"{where}: {found.message}")


def _in_file_order(found: Any) -> list[Diagnostic]:
    return sorted(found, key=lambda d: (d.span.line, d.span.column) if d.span else (0, 0))
