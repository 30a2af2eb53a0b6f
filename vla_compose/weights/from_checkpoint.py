"""`from_checkpoint`: the adapter of a released model, with its weights. Imports without torch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vla_compose.api import Source, load
from vla_compose.diagnostics import BuildError
from vla_compose.spec.model import Spec

if TYPE_CHECKING:
    import torch
    from torch import nn


def from_checkpoint(
    spec: Source,
    source: str | os.PathLike[str],
    *,
    variant: str | None = None,
    revision: str | None = None,
    layout: str | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    token: str | bool | None = None,
    progress: bool | None = None,
    **dims: int,
) -> nn.Module:
    """Build an adapter with the weights of a released checkpoint, of which it reads nothing else.

    Headers tell the dims, and are checked against the module before any weight is read. Either every
    parameter is loaded, or an error says why not. Pickles are never read. Data come in pieces: memory-mapped
    windows on disk, ranges on the Hub.

    The adapter keeps the dtype in which it is stored. `dtype` converts it, also to fewer bits; floating point
    only. Tensors that are stored as integers, as booleans, as complex numbers or quantised are refused.

    Args:
        spec: the name of a shipped spec, a path, or a spec from `load`.
        source: a folder with `model.safetensors` or `model.safetensors.index.json`, one `.safetensors` file,
            or a repository `owner/name` on the Hub. A path that exists goes before the Hub; with
            HF_HUB_OFFLINE, the cache of huggingface_hub goes for it.
        variant: one of the released sizes; must agree with the checkpoint.
        revision: branch, tag or commit on the Hub, resolved once.
        layout: the name of a layout of the spec; recognised by the names in the checkpoint otherwise.
        device: where parameters go; the CPU otherwise.
        dtype: what parameters are converted to; as stored otherwise.
        token: for the Hub; the saved one otherwise. The Hub is that of the variable `HF_ENDPOINT`.
        progress: show a bar on stderr, or never; on a terminal, once it takes two seconds, otherwise.
        dims: integers that replace dims of the spec; must agree with the checkpoint.

    Returns:
        The module, in train mode. `vla_compose.report_of` says what was loaded, and from where.

    Raises:
        SpecError: the spec has mistakes, or has them with the dims of the checkpoint.
        CheckpointError: there is no such checkpoint, it cannot be read, it is damaged, or it does not hold
            this adapter.
        BuildError: there is no such variant, dim or device, or torch is not installed.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        raise BuildError("weights need PyTorch: run `pip install 'vla-compose[torch]'`") from None
    from vla_compose.weights.adapter import adapter_in
    from vla_compose.weights.checkpoint import open_checkpoint
    from vla_compose.weights.progress import shown_progress

    loaded = spec if isinstance(spec, Spec) else load(spec)
    with (
        shown_progress(f"reading {loaded.name}", wanted=progress) as show,
        open_checkpoint(
            source, revision=revision, token=token, listener=lambda read: show(read, None)
        ) as checkpoint,
    ):
        return adapter_in(
            checkpoint,
            loaded,
            variant=variant,
            layout=layout,
            device=device,
            dtype=dtype,
            dims=dims,
            progress=show,
        )
