"""Pushing to a Hub that speaks its protocol on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import HfApi, ModelCard, constants
from huggingface_hub.utils import close_session  # type: ignore[attr-defined]
from torch import nn

import vla_compose
from tests.parity.harness import randomise
from tests.weights.server import COMMIT, serving
from tests.weights.writing import WritingHandler, use
from vla_compose import ModuleError
from vla_compose.weights.errors import CheckpointError

NAME = "me/my-merger"
# huggingface_hub uploads in a way that its HTTP library has replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
FILES = {"model.safetensors", "config.json", "spec.yaml", "README.md"}
RIGHT = "hf_right"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with serving(WritingHandler) as hub:
        use(hub, monkeypatch, tmp_path)
        yield hub
    close_session()


def made() -> nn.Module:
    return randomise(vla_compose.build("qwen2-vl", vision=8, text=12))


def test_a_push_and_back(hub: Any, tmp_path: Path) -> None:
    module: Any = made()
    url = vla_compose.push_to_hub(module, NAME, token=RIGHT, model_card_kwargs={"license": "mit"})
    assert url == f"{hub.endpoint}/{NAME}/commit/{COMMIT}"
    assert (
        hub.created == [{"name": "my-merger", "organization": "me"}] or hub.created[0]["name"] == "my-merger"
    )
    (commit,) = hub.commits
    assert commit["files"].keys() == FILES
    assert commit["message"] == "Push model using vla-compose."
    assert commit["revision"] == "main"
    vla_compose.save_pretrained(module, tmp_path / "x", repo_id=NAME, model_card_kwargs={"license": "mit"})
    assert commit["files"] == {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    card = ModelCard(commit["files"]["README.md"].decode())
    assert card.data.get("license") == "mit"
    assert f'from_pretrained("{NAME}")' in card.content
    again = vla_compose.from_pretrained(NAME)
    mine, theirs = module.state_dict(), again.state_dict()
    assert list(mine) == list(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_other_files_of_the_repository_stay(hub: Any) -> None:
    vla_compose.push_to_hub(made(), NAME, token=RIGHT)
    (hub.repositories[NAME] / "notes.md").write_text("mine")
    module: Any = made()
    nn.init.zeros_(module.ln_q.bias)
    vla_compose.push_to_hub(module, NAME, token=RIGHT, commit_message="Zeros", create_pr=True)
    assert (hub.repositories[NAME] / "notes.md").read_text() == "mine"
    assert hub.commits[1]["message"] == "Zeros"
    assert hub.commits[1]["query"] == "create_pr=1"
    assert hub.commits[1]["files"].keys() == FILES


def test_arguments_reach_the_hub(hub: Any) -> None:
    hub.revisions["trial"] = COMMIT
    vla_compose.push_to_hub(made(), "alone", token=RIGHT, private=True, branch="trial")
    assert hub.created[0]["name"] == "alone"
    assert hub.created[0]["organization"] is None
    assert hub.created[0]["visibility"] == "private"
    assert hub.commits[0]["revision"] == "trial"
    assert "me/alone" in hub.repositories


def test_through_save_pretrained(hub: Any, tmp_path: Path) -> None:
    url = vla_compose.save_pretrained(made(), tmp_path / "my-merger", push_to_hub=True, token=RIGHT)
    assert url == f"{hub.endpoint}/{NAME}/commit/{COMMIT}"
    assert {path.name for path in (tmp_path / "my-merger").iterdir()} == FILES
    weights = (tmp_path / "my-merger" / "model.safetensors").read_bytes()
    assert hub.commits[0]["files"]["model.safetensors"] == weights


def test_a_module_that_cannot_be_saved_asks_the_hub_nothing(hub: Any) -> None:
    with pytest.raises(ModuleError, match="not made by vla_compose"):
        vla_compose.push_to_hub(nn.Linear(2, 2), NAME, token=RIGHT)
    assert hub.requests == []


def test_refusals(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"`me/my-merger`.*hf auth login"):
        vla_compose.push_to_hub(made(), NAME, token="hf_wrong")
    with pytest.raises(CheckpointError, match=r"`a/b/c` is no name of a repository: write `owner/name`"):
        vla_compose.push_to_hub(made(), "a/b/c", token=RIGHT)
    with pytest.raises(CheckpointError, match=r"`me/my-merger`.*404"):
        vla_compose.push_to_hub(made(), NAME, token=RIGHT, branch="nowhere")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set: unset it to push"):
        vla_compose.push_to_hub(made(), NAME, token=RIGHT)
    assert "commits" not in hub.__dict__


def test_an_upload_that_fails(hub: Any) -> None:
    hub.full = True
    with pytest.raises(CheckpointError, match=r"`me/my-merger` was not pushed: Error while uploading"):
        vla_compose.push_to_hub(made(), NAME, token=RIGHT)
    assert "commits" not in hub.__dict__


def test_no_network(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"`me/my-merger` was not pushed: .*; check the network"):
        vla_compose.push_to_hub(made(), NAME, token=RIGHT)


def test_the_fake_hub_is_what_huggingface_hub_expects(hub: Any, tmp_path: Path) -> None:
    """The client's own calls see what was pushed."""
    vla_compose.push_to_hub(made(), NAME, token=RIGHT)
    info = HfApi().model_info(NAME, files_metadata=True)
    assert {file.rfilename: file.size for file in info.siblings or ()} == {
        path.name: path.stat().st_size for path in hub.repositories[NAME].iterdir()
    }
