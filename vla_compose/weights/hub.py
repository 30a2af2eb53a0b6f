"""A checkpoint on the Hub, read by ranges: only headers and the tensors that are wanted travel.

Requests, retries, redirects, endpoint and token are those of `huggingface_hub`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeGuard

import torch
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
    http_stream_backoff,
)
from torch import Tensor

from vla_compose.weights.errors import CheckpointError, shown
from vla_compose.weights.local import CONVERT
from vla_compose.weights.store import CONFIG, INDEX, PICKLED, Store, T

_COMMIT = re.compile(r"[0-9a-f]{40}")
LIBRARY = "vla_compose"
ATTEMPTS = 4
"""How often in a row a transfer may break off without a byte."""
RETRIES = 3
WORKERS = 8
# What sockets raise, and the HTTP library of `huggingface_hub`, whichever it is; and what comes of the
# answers of a server that is no Hub.
FAILURES: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, ValueError, LookupError, TypeError)


class HubStore(Store):
    """The files of a repository at one commit.

    Args:
        repository: `owner/name`.
        revision: a branch, tag or commit; resolved once, so that every file is of one commit.
        token: as in `huggingface_hub`; the saved token otherwise.
        endpoint: another Hub than that of the variable `HF_ENDPOINT`.

    Raises:
        CheckpointError: the repository cannot be reached, or holds no safetensors files.
    """

    first_read = 2**16

    def __init__(
        self,
        repository: str,
        revision: str | None = None,
        *,
        token: str | bool | None = None,
        endpoint: str | None = None,
    ) -> None:
        super().__init__(repository)
        self._api = HfApi(endpoint=endpoint, token=token, library_name=LIBRARY)
        with explained(repository, revision):
            info = self._api.model_info(
                repository, revision=revision, files_metadata=True, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
            )
            found = {str(file.rfilename): file.size for file in info.siblings or ()}
        self.revision = info.sha
        if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
            raise CheckpointError(_failed(shown(repository), "the server does not name a commit"))
        self._sizes = {name: size for name, size in found.items() if _wanted(name) and _is_size(size)}
        if not any(name != CONFIG for name in self._sizes):
            pickled = sorted(name for name in found if name.endswith(PICKLED))
            if pickled:
                raise CheckpointError(
                    f"{shown(repository)} holds only pickles, such as {shown(pickled[0])}; {CONVERT}"
                )
            raise CheckpointError(
                f"{shown(repository)} holds no `.safetensors` file; name another repository"
            )

    def names(self) -> Collection[str]:
        return self._sizes

    def size(self, file: str) -> int:
        return self._sizes[file]

    def read(self, file: str, begin: int, end: int) -> bytes:
        data = bytearray()
        self._fetch(file, begin, end, data.extend)
        return bytes(data)

    def copy(self, file: str, begin: int, into: Tensor) -> int:
        at = 0

        def fill(part: bytes) -> None:
            nonlocal at
            into[at : at + len(part)].copy_(torch.frombuffer(bytearray(part), dtype=torch.uint8))
            at += len(part)

        self._fetch(file, begin, begin + into.numel(), fill)
        return at

    def each(self, work: Callable[[str], T], files: Iterable[str]) -> list[T]:
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(work, files))

    def close(self) -> None:
        """Nothing is open between requests; the session belongs to `huggingface_hub`."""

    def _fetch(self, file: str, begin: int, end: int, take: Callable[[bytes], None]) -> None:
        at, failed = begin, 0
        while at < end:
            brought = self._request(file, at, end, take)
            at += brought
            failed = 0 if brought else failed + 1
            if failed == ATTEMPTS:
                message = f"{shown(self.where)} broke off {failed} times in {shown(file)}"
                raise CheckpointError(f"{message}; check the network and try again")

    def _request(self, file: str, begin: int, end: int, take: Callable[[bytes], None]) -> int:
        """Take what one request brings of a range; returns how much: less when the connection breaks."""
        url = hf_hub_url(self.where, file, revision=self.revision, endpoint=self._api.endpoint)
        headers = {
            **build_hf_headers(token=self._api.token, library_name=LIBRARY),
            "range": f"bytes={begin}-{end - 1}",
            "accept-encoding": "identity",
        }
        taken = 0
        with (
            explained(self.where, self.revision, file),
            http_stream_backoff(
                "GET", url, headers=headers, max_retries=RETRIES, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
            ) as response,
        ):
            hf_raise_for_status(response)
            self._check_range(file, begin, end, response.status_code, response.headers.get("content-range"))
            # Inside, because `http_stream_backoff` cannot repeat a request whose body was begun.
            with suppress(*HfHubHTTPError.__bases__):
                for part in response.iter_bytes():
                    part = part[: end - begin - taken]
                    take(part)
                    taken += len(part)
                    self.count(len(part))
                    if taken == end - begin:
                        break
        return taken

    def _check_range(self, file: str, begin: int, end: int, status: int, found: str | None) -> None:
        size = self._sizes[file]
        whole = begin == 0 and end == size
        if status == 200 and whole:
            return
        if status != 206:
            raise CheckpointError(
                f"the server of {shown(self.where)} does not send parts of files: run "
                f"`hf download {self.where}` and name the folder that it prints"
            )
        if found != f"bytes {begin}-{end - 1}/{size}":
            raise CheckpointError(
                f"the server of {shown(self.where)} sent {shown(found or 'nothing')} of {shown(file)}, "
                f"not bytes {begin}-{end - 1}/{size}; try again"
            )


def offline_folder(repository: str, revision: str | None) -> Path | None:
    """Where the cache of `huggingface_hub` holds a repository, if HF_HUB_OFFLINE is set."""
    if not constants.HF_HUB_OFFLINE:
        return None
    with explained(repository, revision), suppress(LocalEntryNotFoundError):
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    return None


def _is_size(size: object) -> TypeGuard[int]:
    return type(size) is int and size >= 0


def _wanted(name: str) -> bool:
    return "/" not in name and (name.endswith(".safetensors") or name in (INDEX, CONFIG))


@contextmanager
def explained(repository: str, revision: str | None, file: str | None = None) -> Iterator[None]:
    """Every way that a request fails as one error, with what to do."""
    what = shown(repository)
    try:
        yield
    except GatedRepoError:
        raise CheckpointError(
            f"{what} is gated: ask for access on its page, then run `hf auth login` or give `token`"
        ) from None
    except RepositoryNotFoundError:
        raise CheckpointError(
            f"there is no repository {what}, or it is private: check the name, or run `hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise CheckpointError(
            f"{what} has no revision {shown(revision or 'main')}: name a branch, a tag or a commit"
        ) from None
    except EntryNotFoundError:
        raise CheckpointError(
            f"{what} has no file {shown(file or '')} at {shown(revision or 'main')}"
        ) from None
    except OfflineModeIsEnabled:
        raise CheckpointError(
            f"{what} is not in the cache, and HF_HUB_OFFLINE is set: unset it, or name a folder"
        ) from None
    except HFValidationError:
        raise CheckpointError(f"{what} is no repository: write `owner/name`") from None
    except HfHubHTTPError as error:
        raise CheckpointError(_failed(what, f"the server answers {error.response.status_code}")) from None
    except FAILURES as error:
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise CheckpointError(_failed(what, reason)) from None


def _failed(what: str, reason: str) -> str:
    return f"{what} cannot be read from the Hub: {reason}; check the network, or name a folder with the files"
