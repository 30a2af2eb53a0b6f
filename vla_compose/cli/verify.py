"""`vla-compose verify`: a spec against its original, on the weights of a checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vla_compose.cli.build import Dtype
from vla_compose.cli.console import FINDINGS, examples, show
from vla_compose.cli.documents import DimOption, ForceOption, SpecArgument, VariantOption

if TYPE_CHECKING:
    from vla_compose.originals.certificate import Case, Certificate, Compared
    from vla_compose.report.table import Section

HELP = f"""Compare a spec with its original, bit for bit.

Takes the adapter's weights of a released model into the class of transformers and into ours, runs both on
random features of several images, and counts the bits that differ in outputs and gradients. Needs torch and
transformers.

{
    examples(
        "vla-compose verify qwen2-vl --checkpoint Qwen/Qwen2-VL-2B-Instruct",
        "vla-compose verify my.yaml --checkpoint path/to/model -o certificate.json",
    )
}

Exit codes: 0 all bits are equal, 1 some differ or the spec has mistakes, 2 they cannot be compared.
"""


def command(
    spec: SpecArgument,
    checkpoint: Annotated[
        str,
        typer.Option(
            "--checkpoint", metavar="SOURCE", help="The whole model: a folder, or OWNER/NAME on the Hub."
        ),
    ],
    variant: VariantOption = None,
    dim: DimOption = None,
    revision: Annotated[
        str | None, typer.Option(metavar="NAME", help="Branch, tag or commit of the repository.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(metavar="NAME", help="Layout, where the names do not tell.")
    ] = None,
    dtype: Annotated[
        list[Dtype] | None,
        typer.Option(help="Type to compare in. Can be given several times.  [default: float32 and bfloat16]"),
    ] = None,
    gradients: Annotated[
        bool, typer.Option("--gradients/--no-gradients", help="Whether to compare gradients too.")
    ] = True,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Write a certificate as JSON.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Run `vla-compose verify`."""
    from vla_compose import verify
    from vla_compose.api import certain
    from vla_compose.cli.documents import document, given
    from vla_compose.files import check_target
    from vla_compose.report import table

    if output is not None:
        check_target(output, overwrite=force)
    options: dict[str, Any] = given(dim)
    if dtype is not None:
        options["dtypes"] = [kind.value for kind in dtype]
    certificate = verify(
        certain(document(spec)),
        checkpoint,
        variant=variant,
        revision=revision,
        layout=layout,
        gradients=gradients,
        **options,
    )
    if output is not None:
        certificate.write(output, overwrite=force)
        print(f"wrote {output}", file=sys.stderr)
    sections = list(described(certificate))
    show(lambda: table.render(sections), lambda: table.styled(sections))
    if not certificate.equal:
        raise typer.Exit(FINDINGS)


def described(certificate: Certificate) -> Iterator[Section]:
    """A certificate as tables: what was compared, each case, and each tensor that differs."""
    from vla_compose.report.table import Section

    dims = ", ".join(f"{name} {value}" for name, value in certificate.dims.items())
    versions = ", ".join(f"{name} {value}" for name, value in certificate.versions.items())
    facts = [
        ("original", certificate.original),
        ("weights", f"{certificate.tensors} tensors in {certificate.stored}, of {certificate.checkpoint}"),
        ("layout", certificate.layout),
        ("dims", dims),
        ("versions", versions),
    ]
    if certificate.uncompared:
        names = ", ".join(certificate.uncompared)
        facts.append(("not compared", f"gradients of {names}: the original has no parameters of these names"))
    yield Section(certificate.spec, facts)
    columns = ("case", "dtype", "tensors", "bits", "differing", "largest difference")
    rows = [_row(case) for case in certificate.cases]
    yield Section("compared", rows, columns, frozenset({2, 3, 4, 5}))
    yield Section("over all cases", list(_sums(certificate)), ("tensor", *columns[3:]), frozenset({1, 2, 3}))
    differing = [
        (case.name, case.dtype, f"{found.what} {found.name}", f"{found.differing:,}", _number(found.largest))
        for case in certificate.cases
        for found in case.compared
        if found.differing
    ]
    if differing:
        header = ("case", "dtype", "tensor", "differing bits", "largest difference")
        yield Section("different", differing, header, frozenset({3, 4}))
    total = sum(found.bits for case in certificate.cases for found in case.compared)
    different = sum(case.differing for case in certificate.cases)
    verdict = (
        f"all {total:,} bits are equal" if certificate.equal else f"{different:,} of {total:,} bits differ"
    )
    yield Section("", [("result", f"{certificate.result}: {verdict}")])


_SUMS = {
    "gradient of a parameter": "gradients of parameters",
    "gradient of an input": "gradients of inputs",
}


def _sums(certificate: Certificate) -> Iterator[tuple[str, ...]]:
    """Every output, and all gradients of a kind together."""
    found: dict[str, list[Compared]] = {}
    for case in certificate.cases:
        for one in case.compared:
            found.setdefault(_SUMS.get(one.what, f"output {one.name}"), []).append(one)
    for name, tensors in found.items():
        numbers = (sum(one.bits for one in tensors), sum(one.differing for one in tensors))
        yield name, *(f"{number:,}" for number in numbers), _number(_largest(tensors))


def _largest(found: Sequence[Compared]) -> float | None:
    known = [one.largest for one in found]
    return None if None in known else max((value for value in known if value is not None), default=0.0)


def _row(case: Case) -> tuple[str, ...]:
    numbers = (len(case.compared), sum(found.bits for found in case.compared), case.differing)
    return case.name, case.dtype, *(f"{number:,}" for number in numbers), _number(_largest(case.compared))


def _number(value: float | None) -> str:
    return "no number" if value is None else f"{value:.3g}"
