"""Drawing: a list of SVG elements, with text that is escaped and wrapped."""

from __future__ import annotations

from vla_compose.site.escape import escape

MONO = 6.7
"""How wide a character of code is, in units of the picture."""
SANS = 6.6


class Drawing:
    """Elements in the order in which they are painted. Sizes are units of the picture."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, *, radius: float = 6) -> None:
        """A box."""
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}" '
            f'class="{kind}"/>'
        )

    def circle(self, x: float, y: float, radius: float, kind: str) -> None:
        """A circle."""
        self.parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" class="{kind}"/>')

    def text(self, x: float, y: float, text: str, kind: str = "vc-t") -> None:
        """One line of text that begins at `x`, or where `kind` says otherwise."""
        self.parts.append(f'<text x="{_n(x)}" y="{_n(y)}" class="{kind}">{escape(text)}</text>')

    def title(self, x: float, y: float, text: str, name: str) -> None:
        """One line in bold, and after it a name in the type of code."""
        after = f'<tspan dx="8" class="vc-code vc-plain">{escape(name)}</tspan>' if name else ""
        self.parts.append(f'<text x="{_n(x)}" y="{_n(y)}" class="vc-t vc-kind">{escape(text)}{after}</text>')

    def path(self, line: str, kind: str) -> None:
        """A line."""
        self.parts.append(f'<path d="{line}" class="{kind}"/>')

    def before(self, at: int, other: Drawing) -> None:
        """Paint another drawing below everything from `at` on."""
        self.parts[at:at] = other.parts

    def svg(self, width: float, height: float, name: str, title: str, about: str, kind: str) -> str:
        """The picture as one element; `name` makes the ids of its title and description."""
        label = f'role="img" aria-labelledby="{name}-title {name}-desc"'
        inner = (
            f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(about)}</desc>'
        )
        size = f'viewBox="0 0 {_n(width)} {_n(height)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} class="{kind}" {label}>'
            f"{inner}{''.join(self.parts)}</svg>"
        )


def wrap(text: str, columns: int, most: int = 4) -> list[str]:
    """Lines of at most `columns` characters, broken at spaces if there are any; what is too much is cut."""
    lines: list[str] = []
    rest = text.strip()
    while len(rest) > columns:
        at = rest.rfind(" ", 1, columns + 1)
        at = at if at > columns // 3 else columns
        lines.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    lines += [rest] if rest else []
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][: columns - 1]}…"]
    return lines


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
