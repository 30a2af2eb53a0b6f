"""Vision-language adapters as data: from a short YAML spec to the exact PyTorch module.

Importing this package does not import torch. What needs it is imported when its name is first used, and is
left out of `__all__`, so that `from vla_compose import *` works without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vla_compose.api import Source, build, check, compose, eject, list_specs, load
from vla_compose.check.graph import Graph
from vla_compose.diagnostics import BuildError, Diagnostic, Label, Span, SpecError, VlaComposeError
from vla_compose.files import FileError
from vla_compose.spec.model import Spec
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.from_checkpoint import from_checkpoint

if TYPE_CHECKING:
    from vla_compose.built import ModuleError as ModuleError
    from vla_compose.hosts.attach import Attachment as Attachment
    from vla_compose.hosts.attach import attach as attach
    from vla_compose.hosts.attach import copy_weights as copy_weights
    from vla_compose.hosts.errors import AttachError as AttachError
    from vla_compose.originals.certificate import Certificate as Certificate
    from vla_compose.originals.errors import VerifyError as VerifyError
    from vla_compose.originals.verifying import verify as verify
    from vla_compose.training.freezing import freeze_except as freeze_except
    from vla_compose.training.groups import parameter_groups as parameter_groups
    from vla_compose.training.lora import lora_targets as lora_targets
    from vla_compose.training.summary import trainable as trainable
    from vla_compose.weights.loading import LoadReport as LoadReport
    from vla_compose.weights.loading import report_of as report_of
    from vla_compose.weights.pretrained import from_pretrained as from_pretrained
    from vla_compose.weights.pushing import push_to_hub as push_to_hub
    from vla_compose.weights.saving import save_pretrained as save_pretrained

__version__ = "0.1.0"

__all__ = [
    "BuildError",
    "CheckpointError",
    "Diagnostic",
    "FileError",
    "Graph",
    "Label",
    "Source",
    "Span",
    "Spec",
    "SpecError",
    "VlaComposeError",
    "__version__",
    "build",
    "check",
    "compose",
    "eject",
    "from_checkpoint",
    "list_specs",
    "load",
]

_LATER = {
    "AttachError": "vla_compose.hosts.errors",
    "Attachment": "vla_compose.hosts.attach",
    "Certificate": "vla_compose.originals.certificate",
    "LoadReport": "vla_compose.weights.loading",
    "ModuleError": "vla_compose.built",
    "VerifyError": "vla_compose.originals.errors",
    "attach": "vla_compose.hosts.attach",
    "copy_weights": "vla_compose.hosts.attach",
    "freeze_except": "vla_compose.training.freezing",
    "from_pretrained": "vla_compose.weights.pretrained",
    "lora_targets": "vla_compose.training.lora",
    "parameter_groups": "vla_compose.training.groups",
    "push_to_hub": "vla_compose.weights.pushing",
    "report_of": "vla_compose.weights.loading",
    "save_pretrained": "vla_compose.weights.saving",
    "trainable": "vla_compose.training.summary",
    "verify": "vla_compose.originals.verifying",
}
"""Public names that are imported when they are first used, and where they are."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'vla_compose' has no attribute {name!r}")
    from importlib import import_module

    try:
        found = getattr(import_module(_LATER[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors", "huggingface_hub"):
            raise
        raise BuildError(f"`{name}` needs PyTorch: run `pip install 'vla-compose[torch]'`") from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
