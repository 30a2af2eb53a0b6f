"""Every code of every diagnostic, with its name. A code never changes its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vla_compose.spec.codes import CODES as READING

CODES: Mapping[str, str] = MappingProxyType(
    {
        **READING,
        "VC101": "unknown-field",
        "VC102": "missing-field",
        "VC103": "wrong-type",
        "VC104": "bad-value",
        "VC105": "unknown-primitive",
        "VC106": "bad-expression",
        "VC107": "bad-pattern",
        "VC108": "newer-version",
        "VC109": "bad-name",
        "VC201": "width-conflict",
        "VC202": "token-order",
        "VC203": "not-divisible",
        "VC204": "bad-size",
        "VC205": "wrong-kind-of-edge",
        "VC206": "not-compile-time",
        "VC207": "unknown-size",
        "VC208": "output-mismatch",
        "VC209": "too-many-parameters",
        "VC301": "duplicate-name",
        "VC302": "reserved-name",
        "VC303": "unknown-reference",
        "VC304": "cycle",
        "VC305": "unknown-dim",
        "VC306": "unused-chain",
        "VC307": "unused-input",
    }
)
"""VC0xx reading YAML, VC1xx fields, VC2xx types and shapes, VC3xx names, VC4xx style, VC9xx plug-ins."""
