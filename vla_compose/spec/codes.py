"""The codes of what goes wrong while a spec is read, and the words for faults that others find."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from vla_compose.diagnostics import Diagnostic, Label, Span, SpecError

CODES: Final[dict[str, str]] = {
    "VC001": "missing-file",
    "VC002": "not-a-file",
    "VC003": "unreadable-file",
    "VC004": "too-large",
    "VC005": "too-long",
    "VC006": "too-deep",
    "VC007": "not-utf8",
    "VC008": "forbidden-character",
    "VC009": "not-a-spec",
    "VC010": "merge-conflict",
    "VC011": "empty",
    "VC012": "wrong-root",
    "VC013": "several-documents",
    "VC014": "yaml-version",
    "VC015": "syntax",
    "VC016": "tab",
    "VC017": "alias",
    "VC018": "tag",
    "VC019": "merge-key",
    "VC020": "duplicate-key",
    "VC021": "non-string-key",
    "VC022": "ambiguous-scalar",
    "VC023": "number-out-of-range",
}
"""Code to name. A code never changes its meaning; a new kind of fault takes the next free one."""

_BY_NAME: Final = {name: code for code, name in CODES.items()}


def code_of(name: str) -> str:
    """The code of a kind of fault. Raises `KeyError` for a name that is not in `CODES`."""
    return _BY_NAME[name]


START: Final = Span(1, 1, 2)
"""Where a fault of a whole file is shown."""

_UNPRINTABLE: Final = re.compile(r"[^ -~]")


class Refused(Exception):
    """Internal: a mistake at which reading ends, unless the reader goes on. It becomes a diagnostic."""

    def __init__(
        self, name: str, message: str, help: str, span: Span, labels: tuple[Label, ...] = ()
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.help = help
        self.span = span
        self.labels = labels
        self.opened: int | None = None
        """The line, from 0, on which something begins that has no end."""
        self.in_list = False
        """Whether a line should have been an entry of a list."""

    def diagnostic(self, file: str | None) -> Diagnostic:
        """The same for callers; `file` is the name to show."""
        return Diagnostic(
            code=code_of(self.name),
            name=self.name,
            message=self.message,
            span=self.span,
            file=file,
            labels=self.labels,
            help=self.help,
        )

    def spec_error(self, file: str | None) -> SpecError:
        """The error for callers, with one diagnostic."""
        return SpecError([self.diagnostic(file)])


def shown(text: str, limit: int = 40) -> str:
    """`text` for use inside a message: printable ASCII only, at most `limit` characters."""
    safe = _UNPRINTABLE.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


class Format(NamedTuple):
    """Something else that is saved as a spec by mistake; `start` matches its first bytes."""

    start: re.Pattern[bytes]
    name: str
    what: str
    help: str


FORMATS: Final = (
    Format(re.compile(rb"\x1f\x8b"), "not-a-spec", "a gzip archive", "unpack it first with `gunzip`"),
    Format(re.compile(rb"\x80[\x02-\x05]"), "not-a-spec", "a Python pickle", "name a `.yaml` file"),
    Format(re.compile(rb"PK\x03\x04"), "not-a-spec", "a zip archive", "name a `.yaml` file"),
    Format(re.compile(rb".{5}\0{3}\{", re.S), "not-a-spec", "a safetensors file", "name a `.yaml` file"),
    Format(
        re.compile(rb"version https://git-lfs\."), "not-a-spec", "a Git LFS pointer", "run `git lfs pull`"
    ),
    Format(
        re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml)\b", re.I),
        "not-a-spec",
        "a web page",
        "download the raw file",
    ),
    Format(
        re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"),
        "not-utf8",
        "text in UTF-32",
        "convert it with `iconv -f UTF-32 -t UTF-8`",
    ),
    Format(
        re.compile(rb"\xff\xfe|\xfe\xff"),
        "not-utf8",
        "text in UTF-16",
        "convert it with `iconv -f UTF-16 -t UTF-8`",
    ),
    Format(
        re.compile(rb"[\x09-\x7e]\0[\x09-\x7e]\0"),
        "not-utf8",
        "text in UTF-16",
        "convert it with `iconv -f UTF-16LE -t UTF-8`",
    ),
    Format(
        re.compile(rb"\0[\x09-\x7e]\0[\x09-\x7e]"),
        "not-utf8",
        "text in UTF-16",
        "convert it with `iconv -f UTF-16BE -t UTF-8`",
    ),
)


class Wording(NamedTuple):
    """The words for an error of PyYAML; `{0}` is the first group of the pattern.

    The pattern is matched with `problem|context|line up to the problem`. `at_start` points at the start
    of the construct instead of the place where PyYAML gave up.
    """

    clue: re.Pattern[str]
    name: str
    message: str
    help: str
    at_start: bool = False


def _wording(clue: str, message: str, help: str, *, name: str = "syntax", at_start: bool = False) -> Wording:
    return Wording(re.compile(clue, re.S), name, message, help, at_start)


WORDINGS: Final = (
    _wording(
        r"found character '\\t'",
        "found a tab where only spaces may stand",
        "replace the tab with spaces",
        name="tab",
    ),
    _wording(
        r"found character '(.)' that cannot start",
        "an unquoted value cannot start with `{0}`",
        "put quotes around the value",
    ),
    _wording(
        "could not find expected ':'",
        "this line is no `key: value`",
        "put `: ` after the key",
        at_start=True,
    ),
    _wording(
        r"mapping values are not allowed here\|None\|\s*(?:- +)?[\w.-]+:[\[{]",
        "found no space after the first `:`",
        "put a space after it",
    ),
    _wording(
        r"mapping values are not allowed here\|None\|\s*- +([\w.-]+): +\w+:? *$",
        "found a second `: ` in one value",
        "put braces around what follows `{0}:`",
    ),
    _wording(
        r"mapping values are not allowed here\|None\|.*:\s",
        "found a second `: ` in one value",
        "put quotes around the value",
    ),
    _wording(
        "mapping values are not allowed here",
        "this key is indented deeper than the value before it allows",
        "indent the key like the keys around it",
    ),
    _wording(
        "mapping keys are not allowed here",
        "found `? ` where no key can stand",
        "put quotes around the text",
    ),
    _wording(
        "sequence entries are not allowed here",
        "found `- ` on the line of a key",
        "start the list on a new line",
    ),
    _wording(
        "found unexpected end of stream",
        "this quote is never closed",
        "put the closing quote at the end of the text",
        at_start=True,
    ),
    _wording(
        "found unexpected document separator",
        "this quoted text is cut off by a line `---` or `...`",
        "put the closing quote before that line",
        at_start=True,
    ),
    _wording(
        "found unknown escape character",
        "found a backslash that starts no known escape",
        r"write `\\` for one backslash",
    ),
    _wording(
        r"expected escape sequence of (\d) hex",
        "this escape needs {0} hexadecimal digits",
        r"write `\\` for one backslash",
    ),
    _wording(
        r"expected ',' or '(.)', but got '<(?:stream|document)",
        "this bracket is never closed",
        "close it with `{0}`",
        at_start=True,
    ),
    _wording(
        "expected ',' or '(.)'",
        "expected `,` or `{0}` here",
        "put `,` between the entries",
    ),
    _wording(
        r"expected .*, but found '([\]},])'",
        "found a stray `{0}`",
        "delete the `{0}`",
    ),
    _wording(
        "expected <block end>, but found '<scalar>'",
        "found text after a value that has ended",
        "put quotes around the whole value",
    ),
    _wording(
        "expected (?:<block end>|the node content), but found ':'",
        "found no key before the `:`",
        "write a name before the `:`",
        name="non-string-key",
    ),
    _wording(
        "expected <block end>, but found",
        "this line does not line up with the lines above it",
        "indent it like the lines above it",
    ),
    _wording(
        "expected the node content",
        "expected a value here",
        "put quotes around the value",
    ),
    _wording(
        "expected '<document start>'",
        "found text after the end of the spec",
        "delete this text",
    ),
    _wording(
        "found duplicate YAML directive",
        "found a second `%YAML` line",
        "delete this line",
        name="yaml-version",
    ),
    _wording(
        r".*\|while scanning a block scalar\|",
        "found text after `|` or `>`",
        "start the text on the next line",
    ),
)
