"""Pushing a built module to the Hub."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from torch import nn

from vla_compose import __version__
from vla_compose.weights.card import LIBRARY
from vla_compose.weights.errors import CheckpointError, shown
from vla_compose.weights.hub import FAILURES
from vla_compose.weights.saving import FILES, save_pretrained

MESSAGE = "Push model using vla-compose."

FAILED: tuple[type[Exception], ...] = (RuntimeError, *FAILURES)


def push_to_hub(
    module: nn.Module,
    repo_id: str,
    *,
    commit_message: str = MESSAGE,
    private: bool | None = None,
    token: str | None = None,
    branch: str | None = None,
    create_pr: bool | None = None,
    model_card_kwargs: Mapping[str, Any] | None = None,
) -> str:
    """Save a built module and push the files in one commit; the repository is made if there is none.

    Keywords are those of `huggingface_hub.PyTorchModelHubMixin`. Other files of the repository stay; its
    `README.md` is replaced, and stands in its history.

    Args:
        module: what `build`, `from_checkpoint` or `from_pretrained` returned.
        repo_id: `owner/name`, or `name` for your own account.
        commit_message: of the commit.
        private: make a new repository private; what the organisation does by default otherwise.
        token: of huggingface_hub; the saved one otherwise.
        branch: the branch to push to, which must be there; `main` otherwise.
        create_pr: open a pull request with the commit.
        model_card_kwargs: front matter of the model card: `license`, `base_model`, `tags`, `language`...

    Returns:
        The address of the commit.

    Raises:
        ModuleError: the module cannot be saved; the Hub was not asked for anything then.
        CheckpointError: the Hub cannot be reached, or refused it.
    """
    api = HfApi(token=token, library_name=LIBRARY, library_version=__version__)
    with tempfile.TemporaryDirectory() as draft:
        folder = Path(draft, "files")
        save_pretrained(module, folder, repo_id=repo_id, model_card_kwargs=model_card_kwargs)
        try:
            name = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
            commit = api.upload_folder(
                repo_id=name,
                folder_path=folder,
                commit_message=commit_message,
                revision=branch,
                create_pr=create_pr,
                allow_patterns=list(FILES),
            )
        except HFValidationError:
            raise CheckpointError(
                f"{shown(repo_id)} is no name of a repository: write `owner/name`"
            ) from None
        except OfflineModeIsEnabled:
            raise CheckpointError("HF_HUB_OFFLINE is set: unset it to push") from None
        except HfHubHTTPError as error:
            raise CheckpointError(_refused(repo_id, error)) from None
        except FAILED as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise CheckpointError(f"{shown(repo_id)} was not pushed: {reason}; check the network") from None
    return commit.commit_url


def _refused(repo_id: str, error: HfHubHTTPError) -> str:
    status = error.response.status_code
    said = f": {error.server_message}" if error.server_message else ""
    fix = "run `hf auth login`, or give `token`" if status in (401, 403) else "try again"
    return f"the Hub refused {shown(repo_id)} with {status}{said}; {fix}"
