"""The result of a comparison, as data that can be kept. Imports without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from vla_compose.files import write_text

VERSION = 1
EQUAL, DIFFERENT = "equal", "different"


@dataclass(frozen=True, slots=True)
class Compared:
    """One tensor of the two sides.

    Attributes:
        what: `output`, `gradient of a parameter` or `gradient of an input`.
        name: by our names; a place in a list in brackets.
        shape: of ours.
        bits: how many it has.
        differing: how many of these differ.
        largest: the largest absolute difference; `None` where it is no number.
        ours: the SHA-256 of our bytes.
        original: that of the original's.
    """

    what: str
    name: str
    shape: tuple[int, ...]
    bits: int
    differing: int
    largest: float | None
    ours: str
    original: str


@dataclass(frozen=True, slots=True)
class Case:
    """One geometry in one type."""

    name: str
    dtype: str
    inputs: Mapping[str, str]
    compared: tuple[Compared, ...]

    @property
    def differing(self) -> int:
        """How many bits differ in all."""
        return sum(found.differing for found in self.compared)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was compared with what, and how it came out. The same comparison gives the same bytes.

    Attributes:
        spec: its name.
        spec_sha256: of its text.
        source_sha256: of the generated source that ran.
        variant: as stated.
        layout: in which the checkpoint was found.
        dims: of our module.
        original: the class of transformers, with its module.
        checkpoint: as it was named.
        revision: the commit on the Hub.
        weights_sha256: of the original's weights, with the names in the checkpoint.
        tensors: how many these are.
        stored: the type in which they are stored.
        device: where both ran.
        threads: how many torch used.
        versions: of everything that may change a bit.
        uncompared: parameters whose gradients have none of the original beside them.
        cases: what was compared.
    """

    spec: str
    spec_sha256: str
    source_sha256: str
    variant: str | None
    layout: str
    dims: Mapping[str, int]
    original: str
    checkpoint: str
    revision: str | None
    weights_sha256: str
    tensors: int
    stored: str
    device: str
    threads: int
    versions: Mapping[str, str]
    uncompared: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def equal(self) -> bool:
        """Whether no bit differs."""
        return not any(case.differing for case in self.cases)

    @property
    def result(self) -> str:
        """`equal` or `different`."""
        return EQUAL if self.equal else DIFFERENT

    def to_json(self) -> str:
        """The certificate as JSON, with sorted keys."""
        found = {"certificate": VERSION, **asdict(self), "result": self.result}
        return json.dumps(found, indent=2, sort_keys=True, allow_nan=False) + "\n"

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the JSON to a file, whole or not at all.

        Raises:
            FileError: the file is there already, or cannot be written.
        """
        write_text(path, self.to_json(), overwrite=overwrite)
