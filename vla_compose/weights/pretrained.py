"""Building a module again from what `save_pretrained` wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors import safe_open
from torch import nn

from vla_compose import __version__
from vla_compose.api import compose, overrides
from vla_compose.check.graph import Graph
from vla_compose.compiled import compiled
from vla_compose.diagnostics import BuildError, SpecError
from vla_compose.spec.codes import Refused
from vla_compose.spec.limits import DEFAULT_LIMITS, read_bytes
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text
from vla_compose.types.dim import DimError
from vla_compose.weights import strict_json
from vla_compose.weights.card import LIBRARY
from vla_compose.weights.checkpoint import Checkpoint, open_checkpoint
from vla_compose.weights.errors import CheckpointError, shown
from vla_compose.weights.fit import FLOATS
from vla_compose.weights.hub import explained
from vla_compose.weights.loading import load_into
from vla_compose.weights.naming import PLAIN
from vla_compose.weights.progress import shown_progress
from vla_compose.weights.saving import FILES, KEY, SPEC, spec_hash
from vla_compose.weights.store import CONFIG
from vla_compose.weights.store import SINGLE as MODEL

AGAIN = "save the module again with `save_pretrained`, or download the folder again"


def from_pretrained(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> nn.Module:
    """Build the module that `save_pretrained` saved, with equal bits, in eval mode.

    Nothing but data is read: the spec is checked and compiled again, and its hash must be the one in
    `config.json` and in the weights. From the Hub the files of one commit come through the cache of
    huggingface_hub. To take an adapter out of a released model, use `from_checkpoint`.

    Args:
        source: a folder, or `owner/name` on the Hub. A folder goes before the Hub.
        revision: branch, tag or commit on the Hub.
        device: where parameters go; the CPU otherwise.
        dtype: what parameters are converted to; each keeps the type that it was saved in otherwise.
        token: for the Hub; the saved one otherwise.
        cache_dir: the cache of huggingface_hub, if it is not in its usual place.
        force_download: download again what is in the cache.
        local_files_only: do not use the network.

    Raises:
        CheckpointError: there is no such folder or repository, files are missing or damaged, or spec,
            configuration and weights are not of one save.
        SpecError: the spec was written for another version of the language.
        BuildError: there is no such device or dtype.
    """
    folder = _folder(source, revision, token, cache_dir, force_download, local_files_only)
    text = _read(folder, SPEC)
    if not os.path.lexists(folder / MODEL):
        raise CheckpointError(_absent(folder, MODEL))
    with open_checkpoint(folder) as checkpoint:
        config = _config(folder, checkpoint.config)
        graph = _graph(folder, config, text)
        with torch.device("meta"):
            module = compiled(graph)()
        _fill(module, checkpoint, graph, config, device, dtype)
    return module.eval()


def _folder(
    source: str | os.PathLike[str],
    revision: str | None,
    token: str | bool | None,
    cache_dir: str | os.PathLike[str] | None,
    force_download: bool,
    local_files_only: bool,
) -> Path:
    path = Path(source)
    if os.path.isdir(path):
        if revision is not None:
            raise CheckpointError(
                f"{shown(str(source))} is a folder: leave out `revision`, which is for the Hub"
            )
        return path
    name = os.fspath(source)
    if os.path.lexists(path):
        raise CheckpointError(f"{shown(name)} is no folder: name the folder that `save_pretrained` wrote")
    if name.count("/") != 1 or name.startswith((".", "/", "~")) or name.endswith("/") or "\\" in name:
        raise CheckpointError(f"there is no folder {shown(name)}: name a folder, or `owner/name` on the Hub")
    with explained(name, revision):
        try:
            return Path(
                snapshot_download(
                    name,
                    revision=revision,
                    token=token,
                    cache_dir=None if cache_dir is None else os.fspath(cache_dir),
                    force_download=force_download,
                    local_files_only=local_files_only,
                    allow_patterns=list(FILES),
                    library_name=LIBRARY,
                    library_version=__version__,
                )
            )
        except LocalEntryNotFoundError:
            raise CheckpointError(
                f"{shown(name)} is no folder here, not in the cache, and the Hub cannot be asked: check the "
                "name and the network"
            ) from None


def _read(folder: Path, name: str) -> bytes:
    """A small file, which may be a link into the cache of the Hub."""
    limit = DEFAULT_LIMITS.file_bytes
    try:
        data = read_bytes(str(folder / name), limit + 1)
    except Refused as refused:
        if refused.name == "missing-file":
            raise CheckpointError(_absent(folder, name)) from None
        raise CheckpointError(f"{shown(name)} cannot be read: {refused.message}") from None
    if len(data) > limit:
        raise CheckpointError(f"{shown(name)} has more than {limit:,} bytes: {AGAIN}")
    return data


def _absent(folder: Path, name: str) -> str:
    return (
        f"{shown(str(folder))} has no {shown(name)}, so `save_pretrained` did not write it: for the folder "
        "of a released model use `from_checkpoint(SPEC, ...)`"
    )


def _config(folder: Path, found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What `config.json` says, when the weights say the same.

    Raises:
        CheckpointError: it is damaged, or the weights were saved with another.
    """
    if found is None:
        raise CheckpointError(_absent(folder, CONFIG))
    config = _checked(found, shown(CONFIG))
    # Its header was checked already; safetensors gives the metadata.
    with safe_open(folder / MODEL, framework="pt") as opened:
        stored = (opened.metadata() or {}).get(KEY)
    if stored is None:
        raise CheckpointError(
            f"{shown(MODEL)} was not written by `save_pretrained`: it names no spec. To load it, use "
            "`from_checkpoint(SPEC, ...)`"
        )
    what = f"the metadata of {shown(MODEL)}"
    try:
        inside = _checked(strict_json.parse(stored.encode()), what)
    except strict_json.JsonError as error:
        raise CheckpointError(f"{what} is no valid JSON: {error}; {AGAIN}") from None
    if inside != config:
        keys = sorted(key for key in inside.keys() | config.keys() if inside.get(key) != config.get(key))
        raise CheckpointError(
            f"{shown(CONFIG)} and {shown(MODEL)} are not of one save: they differ in "
            f"{', '.join(map(shown, keys))}; {AGAIN}"
        )
    return config


def _checked(found: Any, what: str) -> Mapping[str, Any]:
    wanted = {"dims": dict, "spec": str, "spec_sha256": str}
    if not isinstance(found, dict) or any(type(found.get(key)) is not kind for key, kind in wanted.items()):
        raise CheckpointError(f"{what} does not hold `dims`, `spec` and `spec_sha256` of a spec; {AGAIN}")
    return found


def _graph(folder: Path, config: Mapping[str, Any], text: bytes) -> Graph:
    """The graph of the spec, which must be the one that the weights were saved with.

    The hash is compared before the text is read as a spec: what is no spec of ours is never parsed or shown.
    """
    found, wanted = spec_hash(text), config["spec_sha256"]
    if found != wanted:
        raise CheckpointError(
            f"{shown(SPEC)} is not the spec that the weights were saved with (its SHA-256 starts with "
            f"{found[:12]}, not {wanted[:12]}): put the old file back; for another spec with the same "
            "parameters use `from_checkpoint(SPEC, ...)`"
        )
    spec = load_spec(read_text(text, file=str(folder / SPEC)))
    dims = config["dims"]
    if spec.name != config["spec"] or dims.keys() != spec.dims.keys():
        raise CheckpointError(f"{shown(CONFIG)} names another spec or other dims than {shown(SPEC)}; {AGAIN}")
    try:
        overrides(spec, None, dims)
        # What the spec says itself is not given again: then it is the very same graph.
        said = {name: dim.substitute(dims).constant for name, dim in spec.dims.items()}
        graph = compose(spec, **{name: value for name, value in dims.items() if said[name] != value})
    except (BuildError, DimError, SpecError) as error:
        raise CheckpointError(
            f"the dims in {shown(CONFIG)} do not fit {shown(SPEC)}: {error}; {AGAIN}"
        ) from None
    return graph


def _fill(
    module: nn.Module,
    checkpoint: Checkpoint,
    graph: Graph,
    config: Mapping[str, Any],
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> None:
    names = {name: name for name in module.state_dict()}
    computed = {name: buffer.clone() for name, buffer in module.named_buffers() if name not in names}
    kinds = {name: FLOATS[t.dtype] for name, t in checkpoint.tensors.items() if t.dtype in FLOATS}
    # Several types go through one that holds them all; going there and back changes no bit.
    one = len(set(kinds.values())) == 1
    with shown_progress(f"reading {graph.spec.name}") as progress:
        load_into(
            module,
            checkpoint,
            names,
            layout=PLAIN.name,
            origins=dict.fromkeys(graph.values, CONFIG),
            dims=graph.values,
            device=device,
            dtype=dtype or (None if one else torch.float64),
            progress=progress,
        )
    if dtype is None:
        for name, parameter in module.named_parameters():
            parameter.data = parameter.data.to(kinds[name])
        for name, buffer in computed.items():
            _set_buffer(module, name, buffer, config)


def _set_buffer(module: nn.Module, name: str, value: torch.Tensor, config: Mapping[str, Any]) -> None:
    """Give a computed buffer the type that it was saved with, from its exact values."""
    kinds = {str(kind).removeprefix("torch."): kind for kind in FLOATS.values()}
    buffers = config.get("buffers")
    kind = kinds.get(str(buffers.get(name))) if isinstance(buffers, dict) else None
    if kind is None:
        raise CheckpointError(f"{shown(CONFIG)} does not name the type of the buffer {shown(name)}; {AGAIN}")
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path)
    owner._buffers[last] = value.to(owner.get_buffer(last).device, kind)
