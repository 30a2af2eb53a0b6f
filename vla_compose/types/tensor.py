"""Edge types: the shape of a tensor and the order of what is in it, as an einops pattern.

    b (h w) vision            batch, tokens in raster order, channels
    (n m m) vision            packed tokens in block order: each run of m*m rows is one merge cell
    b 1+(h w)+1 text          one token, a raster grid, one token
    packed(t h w) vision      the rows of every image one after another, image i giving t_i*h_i*w_i
    window(n m m) vision      blocks that were permuted window by window, and must be put back
    b vision h w              a feature map (channels second)

A list of tensors of one type is written `3 x [n text]`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from vla_compose.types.dim import Dim, product
from vla_compose.types.expression import ExpressionError, parse_expression

PACKED = "packed"
WINDOW = "window"


class PatternError(ValueError):
    """A text is not a pattern; `at` is the offset of the part that is wrong."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Group:
    """Factors in row-major order: `(h w)` counts `h*w` and `w` varies fastest.

    `packed` groups hold one such block per image, one after another. `window` groups were permuted: the
    first factor does not run in the order of the image.
    """

    factors: tuple[Dim, ...]
    packed: bool = False
    window: bool = False

    @property
    def size(self) -> Dim:
        """How many entries (of one image, when packed)."""
        return product(self.factors)

    def __str__(self) -> str:
        inner = " ".join(str(factor) for factor in self.factors)
        if self.packed or self.window:
            return f"{PACKED if self.packed else WINDOW}({inner})"
        return f"({inner})" if len(self.factors) != 1 else inner


@dataclass(frozen=True, slots=True)
class Axis:
    """Segments one after another: `1+(h w)` is one entry and then a grid."""

    segments: tuple[Group, ...]

    @staticmethod
    def of(*factors: Dim | int | str) -> Axis:
        """An axis of one group."""
        return Axis((Group(tuple(Dim.of(factor) for factor in factors)),))

    @property
    def group(self) -> Group | None:
        """The only segment, or `None` when there are several."""
        return self.segments[0] if len(self.segments) == 1 else None

    @property
    def size(self) -> Dim:
        """How many entries (of one image, when packed)."""
        return _length(self.segments)

    @property
    def packed(self) -> bool:
        """Whether the axis runs over the rows of several images."""
        return any(segment.packed for segment in self.segments)

    @property
    def window(self) -> bool:
        """Whether entries were permuted window by window."""
        return any(segment.window for segment in self.segments)

    def substitute(self, values: Mapping[str, int | Dim]) -> Axis:
        """Replace symbols; those not named stay."""
        return Axis(
            tuple(
                [
                    Group(tuple([factor.substitute(values) for factor in s.factors]), s.packed, s.window)
                    for s in self.segments
                ]
            )
        )

    def count(self) -> str:
        """The number of entries as a formula that keeps the structure."""
        counted = [segment for segment in self.segments if segment.size.constant is None]
        fixed = sum(segment.size.constant or 0 for segment in self.segments)
        parts = [str(fixed)] if fixed or not counted else []
        for segment in counted:
            factors = [f for f in segment.factors if f != 1]
            several = len(factors) > 1
            text = "*".join(f"({f})" if several and not _bare(f) else str(f) for f in factors)
            parts.append(f"sum over images of {text}" if segment.packed else text)
        return " + ".join(parts)

    def __str__(self) -> str:
        return "+".join(str(segment) for segment in self.segments)


@lru_cache(maxsize=4096)
def _length(segments: tuple[Group, ...]) -> Dim:
    total = Dim.of(0)
    for segment in segments:
        total = total + segment.size
    return total


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of an edge: of one tensor, or of every tensor of a list.

    `channel` is the axis that holds the channels (negative index); `each` is the length of the list.
    """

    axes: tuple[Axis, ...]
    channel: int = -1
    each: Dim | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        # Substituted types are found by it, and it walks through every factor.
        if not self._hash:
            object.__setattr__(self, "_hash", hash((self.axes, self.channel, self.each)))
        return self._hash

    @property
    def width(self) -> Dim:
        """The number of channels."""
        return self.axes[self.channel].size

    @property
    def is_map(self) -> bool:
        """Whether it is a feature map `b c h w`."""
        return self.channel == -3

    @property
    def tokens(self) -> Axis:
        """The token axis of `... tokens channels`."""
        return self.axes[-2]

    def with_width(self, *factors: Dim | int) -> TensorType:
        """The same type with other channels."""
        axes = list(self.axes)
        axes[self.channel] = Axis.of(*factors)
        return replace(self, axes=tuple(axes))

    def with_tokens(self, tokens: Axis) -> TensorType:
        """The same type with another token axis."""
        return replace(self, axes=(*self.axes[:-2], tokens, self.axes[-1]))

    def symbols(self) -> list[str]:
        """Names in order of appearance."""
        found: dict[str, None] = {}
        for factor in self.factors():
            for name in sorted(factor.symbols()):
                found.setdefault(name)
        return list(found)

    def factors(self) -> Iterable[Dim]:
        """Every factor of every axis."""
        for axis in self.axes:
            for segment in axis.segments:
                yield from segment.factors

    def substitute(self, values: Mapping[str, int | Dim]) -> TensorType:
        """Replace symbols; those not named stay."""
        return _substituted(self, tuple(values.items()))

    def check_sizes(self, values: Mapping[str, int | Dim]) -> None:
        """Make sure that every axis has a size, as it stands and with these values.

        Raises:
            DimError: a size leaves the bounds.
        """
        for axis in (*self.axes, *self.substitute(values).axes):
            _ = axis.size

    def shape(self, values: Mapping[str, int | Dim] | None = None) -> str:
        """Sizes only, groups multiplied out: `b 4*(h//2) 1536`."""
        resolved = self.substitute(values) if values else self
        return self._listed(" ".join(_plain(axis) for axis in resolved.axes))

    def _listed(self, text: str) -> str:
        return text if self.each is None else f"{self.each} x [{text}]"

    def __str__(self) -> str:
        return _text(self)


@lru_cache(maxsize=4096)
def _text(type_: TensorType) -> str:
    return type_._listed(" ".join([str(axis) for axis in type_.axes]))


@lru_cache(maxsize=4096)
def _substituted(type_: TensorType, given: tuple[tuple[str, int | Dim], ...]) -> TensorType:
    values = dict(given)
    each = type_.each.substitute(values) if type_.each is not None else None
    return TensorType(tuple([axis.substitute(values) for axis in type_.axes]), type_.channel, each)


def _bare(dim: Dim) -> bool:
    return dim.symbol is not None or dim.constant is not None


def _plain(axis: Axis) -> str:
    return f"{PACKED}({axis.size})" if axis.packed else str(axis.size)


def normal(axis: Axis) -> tuple[Group, ...]:
    """One form for equal structures: no factors of 1, adjacent fixed segments added up."""
    kept: list[Group] = []
    for segment in axis.segments:
        factors = tuple(f for f in segment.factors if f != 1)
        group = replace(segment, factors=factors or (Dim.of(1),))
        if kept and not group.packed and not kept[-1].packed:
            left, right = kept[-1].size.constant, group.size.constant
            if left is not None and right is not None:
                kept[-1] = Group((Dim.of(left + right),))
                continue
        kept.append(group)
    return tuple(kept)


def same_order(left: Axis, right: Axis) -> bool:
    """Whether two axes hold the same entries in the same order."""
    return normal(left) == normal(right)


def parse_pattern(text: str, compile_time: Collection[str] = ()) -> TensorType:
    """Parse a pattern such as `b (h w) vision`.

    Args:
        text: the pattern.
        compile_time: names of dims; four axes whose second is made of them alone are a feature map.

    Raises:
        PatternError: the text is not a pattern.
    """
    parts = _split(text, 0)
    axes = tuple(_axis(part, at) for part, at in parts)
    if not axes:
        raise PatternError("the pattern is empty", 0)
    for axis, (_, at) in zip(axes, parts, strict=True):
        if axis.packed and (len(axes) != 2 or axis is not axes[0]):
            raise PatternError(f"`{PACKED}(…)` stands for the first of two axes", at)
    channel = -1
    if len(axes) == 4:
        names = [{n for s in axis.segments for f in s.factors for n in f.symbols()} for axis in axes]
        if names[1] and names[1] <= set(compile_time):
            channel = -3
    return TensorType(axes, channel)


def _split(text: str, offset: int) -> list[tuple[str, int]]:
    """Parts between spaces that are in no parenthesis."""
    parts: list[tuple[str, int]] = []
    depth, start = 0, None
    for at, character in enumerate(f"{text} "):
        if character.isspace() and not depth:
            if start is not None:
                parts.append((text[start:at], offset + start))
                start = None
            continue
        if start is None:
            start = at
        depth += (character == "(") - (character == ")")
        if depth < 0:
            raise PatternError("a `)` has no `(`", offset + at)
    if depth:
        raise PatternError("a `(` is not closed", offset + text.rindex("("))
    return parts


def _axis(text: str, at: int) -> Axis:
    segments: list[Group] = []
    for part, start in _sum(text, at):
        word = next((word for word in (PACKED, WINDOW) if part.startswith(f"{word}(")), "")
        inner, inner_at = part[len(word) :], start + len(word)
        items = [(inner, inner_at)]
        if inner.startswith("(") and _closes_at_end(inner):
            within = _split(inner[1:-1], inner_at + 1)
            if word or len(within) != 1:
                items = within
        if not items:
            raise PatternError("`()` holds nothing; a single token is `1`", start)
        factors = tuple(_factor(item, item_at) for item, item_at in items)
        segments.append(Group(factors, packed=word == PACKED, window=word == WINDOW))
    return Axis(tuple(segments))


def _sum(text: str, at: int) -> list[tuple[str, int]]:
    """Split `1+(h w)` at the plus signs outside parentheses, when a part holds a group."""
    parts: list[tuple[str, int]] = []
    depth = start = 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "+" and not depth:
            parts.append((text[start:index], at + start))
            start = index + 1
    parts.append((text[start:], at + start))
    return parts


def _closes_at_end(text: str) -> bool:
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return index == len(text) - 1
    return False


def _factor(text: str, at: int) -> Dim:
    if text in (PACKED, WINDOW):
        raise PatternError(f"`{text}` is no size: it stands right before a group, `{text}(h w)`", at)
    try:
        return parse_expression(text)
    except ExpressionError as error:
        raise PatternError(str(error), at + error.at) from None
