"""Field types shared by primitives: names, sizes, conditions, initial values."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from vla_compose.types.dim import Dim
from vla_compose.types.expression import ExpressionError, parse_expression

SAME = "same"
LONGEST_PART = 63
_PART = rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST_PART - 1}}}"
_NAME = re.compile(rf"{_PART}(\.({_PART}|[0-9]{{1,4}}))*\Z")

# Attributes of torch.nn.Module, which a submodule of that name would break. Checked against torch by a test.
RESERVED = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule
    half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty training type xpu zero_grad self torch nn F Tensor is_dynamo_compiling is_exporting _shape _apply
    _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks
    _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks _get_name
    _is_full_backward_hook _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks
    _maybe_warn_non_full_backward_hook _modules _named_members _non_persistent_buffers_set _parameters
    _register_load_state_dict_pre_hook _register_state_dict_hook _replicate_for_data_parallel
    _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version _wrapped_call_impl
    train""".split()
)

# Names that the statements of generated source call; an input or a size of that name would hide them.
CALLED = frozenset(
    """ValueError enumerate int len list sum zip layer attend gelu_new key_mask merge_frames pack_anyres
    fixed_positions given isinstance quick_gelu resize_positions sincos_2d""".split()
)


class Model(BaseModel):
    """Base of every part of a spec: closed, frozen, and silent about its input in errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        defer_build=True,
    )


def fault(code: str, message: str, **context: Any) -> PydanticCustomError:
    """An error of a field, of one of the kinds that `vla_compose.spec.fields` knows."""
    return PydanticCustomError(code, "{message}", {"message": message, **context})


def check_name(value: object) -> str:
    """A state-dict path: identifiers joined by dots; numbers are allowed after the first."""
    if not isinstance(value, str):
        raise fault("name", "a name was expected")
    if not _NAME.match(value):
        wanted = f"letters, digits and `_`, parts of at most {LONGEST_PART} characters joined by dots"
        raise fault("name", f"`{ascii(value)[1:-1]}` is not a name: {wanted}")
    for part in value.split("."):
        if keyword.iskeyword(part):
            raise fault("reserved", f"`{part}` is a Python keyword")
        if part in RESERVED or part.startswith("__"):
            raise fault("reserved", f"`{part}` is taken by torch.nn.Module")
    return value


def check_size(value: object) -> Dim:
    """An integer, or an expression over dims."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise fault("size", "a number or an expression over dims was expected")
    if isinstance(value, int):
        if abs(value) > 2**53:
            raise fault("size", "the number is larger than 2^53")
        return Dim.of(value)
    try:
        return parse_expression(value)
    except ExpressionError as error:
        whole = re.sub(r"(?<!/)/(?!/)", "//", value)
        plain = whole != value and re.fullmatch(r"[\w ()+*/%-]{1,60}", value, re.A)
        more = {"help": f"write `{whole}`"} if plain else {}
        raise fault("expression", str(error), at=error.at, **more) from None


@dataclass(frozen=True, slots=True)
class Condition:
    """`left == right` or `left != right`, decided when the spec is built."""

    left: Dim
    right: Dim
    equal: bool

    def holds(self, values: Mapping[str, int]) -> bool:
        """Whether it holds for dims with these values, which must be all of its dims."""
        return (self.left.substitute(values) == self.right.substitute(values)) is self.equal

    def __str__(self) -> str:
        return f"{self.left} {'==' if self.equal else '!='} {self.right}"


def check_condition(value: object) -> Condition:
    """`vision != text`: two expressions over dims."""
    if isinstance(value, str):
        for operator in ("==", "!="):
            left, found, right = value.partition(operator)
            if found:
                try:
                    return Condition(check_size(left), check_size(right), operator == "==")
                except PydanticCustomError:
                    break
    raise fault("condition", "two sizes with `==` or `!=` between them were expected")


@dataclass(frozen=True, slots=True)
class Std:
    """A standard deviation: a number, or `size^-0.5`."""

    value: float | None
    root: Dim | None = None

    def __str__(self) -> str:
        return repr(self.value) if self.root is None else f"{self.root}^-0.5"


def check_std(value: object) -> Std:
    """`0.02`, or `text^-0.5`."""
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        if 0 < value <= 100:
            return Std(float(value))
        raise fault("value", "a standard deviation between 0 and 100 was expected", help="write `0.02`")
    if isinstance(value, str) and value.replace(" ", "").endswith("^-0.5"):
        return Std(None, check_size(value[: value.rindex("^")]))
    message = "a standard deviation was expected, such as `0.02` or `text^-0.5`"
    power = re.fullmatch(r"(\w+) *\*\* *-0\.5", value, re.A) if isinstance(value, str) else None
    raise fault("value", message, help=f"write `{power[1]}^-0.5`" if power else "write `0.02`")


def _plain(check: Any) -> GetPydanticSchema:
    def keep(value: Any) -> Any:
        return value if isinstance(value, Dim | Condition | Std) else check(value)

    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(keep))


Name = Annotated[
    str,
    _plain(check_name),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.]*$", "examples": ["linear_fc1", "mlp.0"]}
    ),
]
Size = Annotated[
    Dim,
    _plain(check_size),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string"}], "examples": [1024, "text", "4 * vision", "same"]}
    ),
]
When = Annotated[
    Condition, _plain(check_condition), WithJsonSchema({"type": "string", "examples": ["vision != text"]})
]
Deviation = Annotated[
    Std,
    _plain(check_std),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}], "examples": [0.02, "text^-0.5"]}),
]
STEPS_REF = "https://vla-compose.github.io/schema/v1.json#/$defs/Steps"
Steps = Annotated[tuple[Any, ...], WithJsonSchema({"$ref": STEPS_REF})]
"""Steps inside a step; already parsed when a primitive sees them."""
Eps = Annotated[float, Field(gt=0, le=1, strict=True)]
Flag = StrictBool


class Init(Model):
    """How a fresh weight is drawn. Without it, torch's own default for that module stands."""

    normal: Deviation | None = Field(None, description="normal distribution of this standard deviation")
    trunc_normal: Deviation | None = Field(None, description="the same, cut at -2 and 2")
    constant: Annotated[float, Field(ge=-100, le=100, strict=True)] | None = Field(
        None, description="the same number everywhere"
    )
    bias: Literal["zeros"] | None = Field(None, description="set the bias to zeros (default: torch's own)")
