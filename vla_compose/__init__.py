"""Vision-language adapters as data: from a short YAML spec to the exact PyTorch module.

Importing this package does not import torch.
"""

from vla_compose.api import Source, build, check, compose, eject, list_specs, load
from vla_compose.check.graph import Graph
from vla_compose.diagnostics import BuildError, Diagnostic, Label, Span, SpecError, VlaComposeError
from vla_compose.spec.model import Spec

__version__ = "0.1.0"

__all__ = [
    "BuildError",
    "Diagnostic",
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
    "list_specs",
    "load",
]
