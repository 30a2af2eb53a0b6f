"""What `build --checkpoint` prints of the weights that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vla_compose.report import formula
from vla_compose.report.table import Section

if TYPE_CHECKING:
    from vla_compose.weights.loading import LoadReport

MOST_FILES = 4


def described(report: LoadReport) -> Section:
    """One line for each fact about what was loaded."""
    facts = [("checkpoint", report.source)]
    if report.revision is not None:
        facts.append(("revision", report.revision))
    facts.append(("layout", report.layout))
    facts += [(f"dim {name}", f"{value}, by {report.origins[name]}") for name, value in report.dims.items()]
    files = report.files[:MOST_FILES]
    more = f" and {len(report.files) - len(files)} more" if len(report.files) > len(files) else ""
    facts.append(("files", (", ".join(files) or "none") + more))
    share = report.read_bytes / report.stored_bytes
    facts.append(
        (
            "read",
            f"{report.read_bytes:,} bytes ({formula.memory(report.read_bytes)}) "
            f"of {report.stored_bytes:,} stored ({formula.memory(report.stored_bytes)}), {share:.1%}",
        )
    )
    if report.dtype == report.stored_dtype:
        origin = ", as stored"
    else:
        origin = f", converted from {report.stored_dtype}" if report.stored_dtype else ""
    facts.append(("dtype", f"{report.dtype}{origin}"))
    facts.append(("loaded", f"all {report.tensors} tensors"))
    return Section("weights", facts)
