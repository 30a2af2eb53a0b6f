"""What keeps an adapter out of a model."""

from __future__ import annotations

from vla_compose.diagnostics import VlaComposeError


class AttachError(VlaComposeError):
    """An adapter cannot be put into this model, or taken out of it; nothing was changed."""
