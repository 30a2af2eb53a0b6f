"""Run generated source: classes that `inspect`, tracebacks, `pickle` and `deepcopy` treat like any other."""

from __future__ import annotations

import copyreg
import hashlib
import linecache
import sys
from collections.abc import Mapping
from functools import cache
from types import CodeType, ModuleType
from typing import Any

from torch import nn

from vla_compose.check.class_names import class_name
from vla_compose.check.graph import Graph
from vla_compose.lower.allowlist import check_source
from vla_compose.lower.module import Parts, parts
from vla_compose.lower.pieces import RUNTIME, piece

PREFIX = "vla_compose_generated"
_CLASSES: dict[tuple[str, tuple[tuple[str, int], ...]], type[nn.Module]] = {}
_GRAPHS: dict[type[nn.Module], Graph] = {}


def compiled(graph: Graph) -> type[nn.Module]:
    """The class of a checked spec, made by running its source. The same text and dims give the same class."""
    key = (graph.spec.text, tuple(graph.values.items()))
    if key not in _CLASSES:
        module = _module(parts(graph), graph)
        _CLASSES[key] = getattr(module, class_name(graph.spec.name))
        _GRAPHS.setdefault(_CLASSES[key], graph)
    return _CLASSES[key]


def graph_of(module: nn.Module) -> Graph | None:
    """The checked graph that a built module was made from; `None` for a module of another origin."""
    return _GRAPHS.get(type(module))


def _module(made: Parts, graph: Graph) -> ModuleType:
    text = made.text()
    # Two specs may differ in what no source shows, and a module must know the one that it was made from.
    digest = hashlib.sha256(f"{text}\0{graph.spec.text}".encode()).hexdigest()[:16]
    name = f"{PREFIX}_{class_name(graph.spec.name).lower()}_{digest}"
    known = sys.modules.get(name)
    if known is not None:
        return known
    file = f"<vla_compose {graph.spec.name} {digest}>"
    module = ModuleType(name)
    module.__file__ = file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    for needed in made.pieces:
        exec(_piece(needed), module.__dict__)  # noqa: S102 - files of this package, on the allow-list too
    gap = "\n" * sum(piece(needed).count("\n") + 3 for needed in made.pieces)
    tree = check_source("\n\n\n".join([made.header + gap, *made.classes]), module.__dict__)
    exec(compile(tree, file, "exec"), module.__dict__)  # noqa: S102 - our own source, checked just above
    module.__doc__ = graph.spec.summary
    sys.modules[name] = module
    recipe = (graph.spec.text, dict(graph.values))
    for value in list(module.__dict__.values()):
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == name:
            copyreg.pickle(value, _reducer(recipe))
    return module


@cache
def _piece(name: str) -> CodeType:
    """The code of a file of `runtime`: compiled once, and found there by tracebacks and debuggers."""
    path = RUNTIME / f"{name}.py"
    return compile(check_source(path.read_text(encoding="utf-8")), str(path), "exec")


def _reducer(recipe: tuple[str, dict[str, int]]) -> Any:
    def reduce(instance: nn.Module) -> tuple[Any, ...]:
        return restore, (*recipe, type(instance).__qualname__), instance.__dict__

    return reduce


def restore(text: str, values: Mapping[str, int], name: str) -> nn.Module:
    """An empty instance for `pickle`: the spec is checked and compiled again, no stored code is run."""
    from vla_compose.check.infer import infer
    from vla_compose.spec.parse import load_spec
    from vla_compose.spec.reader import read_text

    graph = infer(load_spec(read_text(text)), values)
    module = sys.modules[compiled(graph).__module__]
    made: type[nn.Module] = getattr(module, name)
    return made.__new__(made)
