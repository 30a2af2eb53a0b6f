"""A checkpoint: the tensors of one file, of a sharded folder, or of a repository on the Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from vla_compose.weights import strict_json
from vla_compose.weights.errors import CheckpointError, shown
from vla_compose.weights.headers import PREFIX, Stored, header_size, parse_header
from vla_compose.weights.index import MAX_INDEX, joined, parse_index
from vla_compose.weights.local import LocalStore
from vla_compose.weights.store import CONFIG, INDEX, SINGLE, Listener, Store

MAX_CONFIG = 4 * 2**20
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_ADDRESS = re.compile(rf"https?://[^/]+/({_REPOSITORY.pattern})(?:/.*)?", re.ASCII)


class Checkpoint:
    """Tensors that lie in files and are read one by one. Made by `open_checkpoint`; a context manager.

    Attributes:
        tensors: what is stored, by name and sorted by it; read from headers alone.
        config: the content of `config.json`, if there is one.
        files: what it consists of, sorted: weights, and index and configuration where they are.
        stored_bytes: the size of these files.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.config = _config(store)
        self.tensors: Mapping[str, Stored]
        self.tensors, files = _tensors(store)
        self.files = sorted([*files, CONFIG] if self.config is not None else files)
        self.stored_bytes = sum(map(store.size, self.files))

    def listen(self, listener: Listener | None) -> None:
        """Call a function with `read_bytes` whenever some were read."""
        self._store.listener = listener

    @property
    def where(self) -> str:
        """The folder, file or repository, as it was named."""
        return self._store.where

    @property
    def revision(self) -> str | None:
        """The commit on the Hub; `None` on disk."""
        return self._store.revision

    @property
    def read_bytes(self) -> int:
        """How many bytes were read so far: configuration, index, headers and data."""
        return self._store.read_bytes

    def read_into(self, name: str, tensor: Tensor) -> int:
        """Fill a tensor with what is stored under a name.

        Args:
            name: a key of `tensors`.
            tensor: contiguous, on the CPU, of the stored type and shape.

        Returns:
            How many bytes were written.

        Raises:
            CheckpointError: the bytes cannot be read.
        """
        stored = self.tensors[name]
        flat = tensor.detach().view(-1).view(torch.uint8)
        if tensor.shape != stored.shape or flat.numel() != stored.nbytes:
            raise ValueError(f"{name} is stored as {stored.dtype} of shape {stored.shape}")
        return self._store.copy(stored.file, stored.begin, flat)

    def close(self) -> None:
        """Let go of open files."""
        self._store.close()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_checkpoint(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    endpoint: str | None = None,
    listener: Listener | None = None,
) -> Checkpoint:
    """Open a checkpoint and read its headers, not its data.

    Args:
        source: a folder with `model.safetensors` or `model.safetensors.index.json`, one `.safetensors` file,
            or `owner/name` on the Hub. What is there on disk goes before the Hub; with HF_HUB_OFFLINE, the
            cache of huggingface_hub goes for it.
        revision: branch, tag or commit on the Hub.
        token: for the Hub; the saved one otherwise.
        endpoint: another Hub than that of the variable `HF_ENDPOINT`.
        listener: called with the number of bytes read so far, whenever some were read.

    Raises:
        CheckpointError: there is no such checkpoint, it cannot be read, or it is damaged or hostile.
    """
    store = _store(source, revision, token, endpoint)
    store.listener = listener
    try:
        return Checkpoint(store)
    except BaseException:
        store.close()
        raise


def _store(
    source: str | os.PathLike[str], revision: str | None, token: str | bool | None, endpoint: str | None
) -> Store:
    path = Path(source)
    if not os.fspath(source):
        raise CheckpointError("no checkpoint is named: give a folder, a `.safetensors` file, or `owner/name`")
    if isinstance(source, str) and _REPOSITORY.fullmatch(source) and not os.path.lexists(path):
        from vla_compose.weights.hub import HubStore, offline_folder

        folder = offline_folder(source, revision)
        if folder is not None:
            return LocalStore(folder, where=source, revision=folder.name)
        return HubStore(source, revision, token=token, endpoint=endpoint)
    if isinstance(source, str) and (address := _ADDRESS.fullmatch(source)):
        raise CheckpointError(f"{shown(source)} is an address: name the repository, {shown(address[1])}")
    if revision is not None:
        raise CheckpointError(
            f"{shown(str(source))} is on disk, so leave out `revision`, which is for the Hub"
        )
    return LocalStore(path)


def _tensors(store: Store) -> tuple[dict[str, Stored], list[str]]:
    """The tensors, sorted by name, and the files that were read for them."""
    names = store.names()
    if SINGLE in names or INDEX not in names:
        file = SINGLE if SINGLE in names else _only(store.where, names)
        return dict(sorted(_header(store, file).items())), [file]
    if store.size(INDEX) > MAX_INDEX:
        raise CheckpointError(f"{shown(INDEX)} has {store.size(INDEX):,} bytes; the limit is {MAX_INDEX:,}")
    weight_map = parse_index(store.read(INDEX, 0, store.size(INDEX)), INDEX)
    shards = sorted(set(weight_map.values()))
    missing = [f"{shown(shard)} is missing" for shard in shards if shard not in names]
    if missing:
        raise CheckpointError(f"{shown(store.where)} lacks shards of its index; download it again", missing)
    headers = store.each(lambda file: _header(store, file), shards)
    return joined(weight_map, dict(zip(shards, headers, strict=True))), [INDEX, *shards]


def _only(where: str, names: Collection[str]) -> str:
    found = sorted(name for name in names if name != CONFIG)
    if len(found) == 1:
        return found[0]
    raise CheckpointError(
        f"{shown(where)} holds several `.safetensors` files, but neither `{SINGLE}` nor `{INDEX}`; "
        "name the one file that holds the adapter",
        [shown(name) for name in found],
    )


def _header(store: Store, file: str) -> dict[str, Stored]:
    size = store.size(file)
    start = store.read(file, 0, min(size, store.first_read))
    end = PREFIX + header_size(start, size, file)
    if end > len(start):
        start += store.read(file, len(start), end)
    return parse_header(start[PREFIX:end], size, file)


def _config(store: Store) -> Mapping[str, Any] | None:
    if CONFIG not in store.names():
        return None
    size = store.size(CONFIG)
    if size > MAX_CONFIG:
        raise CheckpointError(f"{shown(CONFIG)} has {size:,} bytes; the limit is {MAX_CONFIG:,}")
    try:
        found = strict_json.parse(store.read(CONFIG, 0, size), finite=False)
    except strict_json.JsonError as error:
        raise CheckpointError(f"{shown(CONFIG)} is no valid JSON: {error}; download it again") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{shown(CONFIG)} is no JSON object; download it again")
    return found
