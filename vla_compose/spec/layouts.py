"""Layouts: what the parameters of an adapter are called in released checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StrictStr, WithJsonSchema

from vla_compose.primitives.base import Path
from vla_compose.primitives.fields import Model, check_name
from vla_compose.spec.faults import Faults
from vla_compose.spec.fields import read_fields
from vla_compose.spec.names import check_spec_name, other_spec_name
from vla_compose.spec.words import nearest, safe

_LONGEST = 256
_WORD = r"[A-Za-z0-9_]+"
_DOTTED = rf"{_WORD}(\.{_WORD})*"
_SETTING = rf"{_DOTTED}( // {_DOTTED})?"


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": f"^{pattern}$", "maxLength": _LONGEST, "examples": list(examples)}
    )


Prefix = Annotated[StrictStr, _text(rf"({_DOTTED}\.)?", "model.visual.merger.")]
Theirs = Annotated[StrictStr, _text(_DOTTED, "mlp1.0")]
Setting = Annotated[
    StrictStr,
    _text(_SETTING, "vision_config.hidden_size", "vision_config.image_size // vision_config.patch_size"),
]
Layouts = Annotated[
    dict[str, Any], Field(max_length=8), WithJsonSchema({"type": "object", "maxProperties": 8})
]


class LayoutFields(Model):
    """Names of the parameters in one kind of checkpoint."""

    prefix: Prefix = Field("", description="what stands before every name, with its last dot")
    names: dict[str, Theirs] = Field(
        {},
        max_length=64,
        description="other names: the path here and the path there, below the prefix; the longest path wins",
        examples=[{"layer_norm": "mlp1.0"}],
    )
    config: dict[str, Setting] = Field(
        {},
        description="where `config.json` states a dim: a path, or one path `//` another",
        examples=[{"text": "text_config.hidden_size"}],
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of the parameters in one kind of checkpoint."""

    name: str
    prefix: str
    names: Mapping[str, str]
    config: Mapping[str, str]

    def there(self, ours: str) -> str:
        """The name in the checkpoint of a state-dict name of ours."""
        parts = ours.split(".")
        for count in range(len(parts), 0, -1) if self.names else ():
            theirs = self.names.get(".".join(parts[:count]))
            if theirs is not None:
                return self.prefix + ".".join([theirs, *parts[count:]])
        return self.prefix + ours


def parse_layouts(raw: object, dims: Iterable[str] | None, faults: Faults) -> dict[str, Layout]:
    """The layouts of a spec, in declared order; those with a mistake are reported and left out.

    Args:
        dims: the names of the dims, if those are known.
    """
    found: dict[str, Layout] = {}
    known = None if dims is None else list(dims)
    for name, value in raw.items() if isinstance(raw, dict) else ():
        path: Path = ("layouts", name)
        try:
            check_spec_name(name)
        except ValueError as error:
            faults.add("VC109", str(error), path, key=True, help=other_spec_name(name))
            continue
        fields = read_fields(LayoutFields, value, path, faults, what=f"layout `{name}`").fields
        if fields is None:
            continue
        before = faults.met
        _prefix(fields.prefix, path, faults)
        _names(fields.names, path, faults)
        _config(fields.config, known, path, faults)
        if faults.met == before:
            found[name] = Layout(name, fields.prefix, fields.names, fields.config)
    return found


def _prefix(prefix: str, path: Path, faults: Faults) -> None:
    if _good(rf"({_DOTTED}\.)?", prefix):
        return
    message = f"`{safe(prefix)}` is no prefix: names joined by dots, and a dot at the end"
    help = f"write `{prefix}.`" if _good(_DOTTED, prefix) else "write a prefix such as `model.visual.`"
    faults.add("VC109", message, (*path, "prefix"), help=help)


def _names(names: Mapping[str, str], path: Path, faults: Faults) -> None:
    taken: dict[str, str] = {}
    for ours, theirs in names.items():
        at = (*path, "names", ours)
        try:
            check_name(ours)
        except ValueError as error:
            help = "write the state-dict name of a parameter, or its first parts"
            faults.add("VC109", str(error), at, key=True, help=help)
            continue
        if not _good(_DOTTED, theirs):
            message = f"`{safe(theirs)}` is not a name: letters, digits and `_`, parts joined by dots"
            faults.add("VC109", message, at, help="write the name as the checkpoint has it")
        elif theirs in taken:
            message = f"`{safe(ours)}` and `{safe(taken[theirs])}` are both `{safe(theirs)}` there"
            faults.add("VC301", message, at, help=f"give `{safe(ours)}` a name of its own")
        else:
            taken[theirs] = ours


def _config(config: Mapping[str, str], dims: list[str] | None, path: Path, faults: Faults) -> None:
    for dim, setting in config.items():
        at = (*path, "config", dim)
        if dims is not None and dim not in dims and dim not in faults.undeclared:
            near = nearest(dim, dims)
            help = f"write `{near}`" if near else f"add `{safe(dim)}` to `dims`"
            faults.add("VC305", f"`{safe(dim)}` is no dim", at, key=True, help=help)
            faults.undeclared.add(dim)
        if not _good(_SETTING, setting):
            message = f"`{safe(setting)}` is no path into `config.json`"
            faults.add("VC104", message, at, help="write a path such as `vision_config.hidden_size`")


def _good(pattern: str, text: str) -> bool:
    return len(text) <= _LONGEST and re.fullmatch(pattern, text, re.ASCII) is not None
