"""What keeps a spec from being compared with its original."""

from __future__ import annotations

from vla_compose.diagnostics import VlaComposeError


class VerifyError(VlaComposeError):
    """There is no original to compare with, or it cannot be made."""
