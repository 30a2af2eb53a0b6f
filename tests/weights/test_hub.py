import json
import shutil

import pytest
import torch
from huggingface_hub.utils import close_session  # type: ignore[attr-defined]
from safetensors.torch import save_file

from tests.weights import files
from tests.weights.server import COMMIT, serving
from vla_compose.weights.checkpoint import open_checkpoint
from vla_compose.weights.errors import CheckpointError

NAME = "owner/model-1.0"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
WANTED = torch.randn(300, 500)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Repeat at once, and with no token of this machine."""
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    yield
    close_session()


@pytest.fixture
def hub(tmp_path):
    """A repository of two shards; of the first one nothing is wanted."""
    folder = tmp_path / "repository"
    folder.mkdir()
    save_file({"tower.weight": torch.zeros(2_000_000)}, folder / ONE)
    save_file({"a.bias": torch.zeros(7), "a.weight": WANTED, "z.weight": torch.ones(500_000)}, folder / TWO)
    index = {"a.bias": TWO, "a.weight": TWO, "tower.weight": ONE, "z.weight": TWO}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / "config.json").write_text('{"model_type": "x"}')
    (folder / "README.md").write_text("# x")
    (folder / "sub").mkdir()
    (folder / "sub" / "other.safetensors").write_bytes(b"")
    with serving() as hub:
        hub.repositories[NAME] = folder
        yield hub


def opened(hub, name=NAME, **more):
    return open_checkpoint(name, endpoint=hub.endpoint, **more)


def test_only_headers_and_what_is_wanted_travel(hub):
    with opened(hub) as checkpoint:
        assert checkpoint.revision == COMMIT
        assert checkpoint.config == {"model_type": "x"}
        assert checkpoint.files == sorted(["config.json", INDEX, ONE, TWO])
        found = torch.empty(300, 500)
        assert checkpoint.read_into("a.weight", found) == 600_000
        assert torch.equal(found, WANTED)
        assert checkpoint.read_bytes == sum(hub.sent.values())
        assert checkpoint.stored_bytes == sum(
            (hub.repositories[NAME] / file).stat().st_size for file in checkpoint.files
        )
    small = sum((hub.repositories[NAME] / file).stat().st_size for file in (INDEX, "config.json"))
    # What is read at first of a shard holds its header.
    assert hub.sent == {INDEX: hub.sent[INDEX], "config.json": 19, ONE: 2**16, TWO: 2**16 + 600_000}
    assert sum(hub.sent.values()) == small + 2 * 2**16 + 600_000
    assert sum(hub.sent.values()) < checkpoint.stored_bytes / 10


def test_a_header_longer_than_the_first_read(hub):
    tensors = {f"layers.{at}.weight": ("U8", (1,)) for at in range(2000)} | {"a.weight": ("F32", (3,))}
    folder = hub.repositories[NAME]
    (folder / "model.safetensors").write_bytes(files.safetensors(tensors))
    with opened(hub) as checkpoint:
        assert len(checkpoint.tensors) == 2001
        assert 2**16 < checkpoint.read_bytes == sum(hub.sent.values())


def test_everything_is_of_one_commit(hub):
    hub.revisions["v1"] = "f" * 40
    hub.revisions["f" * 40] = "f" * 40
    with opened(hub, revision="v1") as checkpoint:
        # The branch moves on while we read.
        del hub.revisions["v1"]
        checkpoint.read_into("a.bias", torch.empty(7))
        assert checkpoint.revision == "f" * 40
    asked = [path for _, path in hub.requests if "/resolve/" in path]
    assert asked
    assert all(f"/resolve/{'f' * 40}/" in path for path in asked)
    assert [path for _, path in hub.requests if path.startswith("/api/")] == [
        f"/api/models/{NAME}/revision/v1"
    ]


def test_the_token_goes_to_the_hub_and_nowhere_else(hub):
    hub.gated.add(NAME)
    with opened(hub, token="hf_right") as checkpoint:
        checkpoint.read_into("a.bias", torch.empty(7))
    assert hub.authorised == {"hub"}
    assert any(path.startswith("/cdn/") for _, path in hub.requests)


def test_what_is_on_disk_goes_first(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / NAME
    folder.mkdir(parents=True)
    save_file({"here": torch.zeros(1)}, folder / "model.safetensors")
    with opened(hub) as checkpoint:
        assert list(checkpoint.tensors) == ["here"]
    assert not hub.requests


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_no_such_repository(hub):
    with pytest.raises(
        CheckpointError, match=r"no repository `owner/gone`, or it is private.*`hf auth login`"
    ):
        opened(hub, "owner/gone")


def test_a_private_repository(hub):
    hub.private.add(NAME)
    with pytest.raises(CheckpointError, match="or it is private"):
        opened(hub)
    opened(hub, token="hf_right").close()


def test_a_gated_repository(hub):
    hub.gated.add(NAME)
    for token in (None, "hf_wrong"):
        with pytest.raises(CheckpointError, match=r"is gated: ask for access.*or give `token`") as error:
            opened(hub, token=token)
        assert "hf_wrong" not in str(error.value)


def test_no_such_revision(hub):
    with pytest.raises(CheckpointError, match=r"`owner/model-1.0` has no revision `v9`"):
        opened(hub, revision="v9")


def test_a_file_that_is_gone_when_it_is_read(hub):
    with opened(hub) as checkpoint:
        (hub.repositories[NAME] / TWO).unlink()
        with pytest.raises(CheckpointError, match=f"has no file `{TWO}` at `{COMMIT}`"):
            checkpoint.read_into("a.bias", torch.empty(7))


def test_a_shard_that_is_not_there(hub):
    (hub.repositories[NAME] / ONE).unlink()
    with pytest.raises(CheckpointError, match=f"lacks shards of its index.*\n  `{ONE}` is missing"):
        opened(hub)


def test_only_pickles(hub):
    for file in (ONE, TWO, INDEX):
        (hub.repositories[NAME] / file).unlink()
    with pytest.raises(CheckpointError, match=r"holds no `.safetensors` file"):
        opened(hub)
    (hub.repositories[NAME] / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"only pickles, such as `pytorch_model.bin`.*convert"):
        opened(hub)


def test_a_shard_elsewhere_in_the_repository(hub):
    (hub.repositories[NAME] / INDEX).write_text('{"weight_map": {"a": "sub/other.safetensors"}}')
    with pytest.raises(CheckpointError, match="beside it"):
        opened(hub)


@pytest.mark.parametrize("name", ["owner/..", "owner/a--b", "owner/a..b", "owner/name.git", "owner/.name"])
def test_names_of_no_repository(hub, name):
    with pytest.raises(CheckpointError):
        opened(hub, name)
    assert not hub.requests


def test_no_network(hub):
    with pytest.raises(CheckpointError, match=r"cannot be read from the Hub: .*check the network"):
        open_checkpoint(NAME, endpoint="http://127.0.0.1:9")


def test_a_host_that_is_not_there():
    with pytest.raises(CheckpointError, match=r"cannot be read from the Hub: .*check the network"):
        open_checkpoint(NAME, endpoint="http://hub.invalid")


def test_offline_mode(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        CheckpointError, match="not in the cache, and HF_HUB_OFFLINE is set: unset it, or name a folder"
    ):
        opened(hub)
    assert not hub.requests


def test_the_cache_in_offline_mode(hub, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    folder = cache / "models--owner--model-1.0"
    shutil.copytree(hub.repositories[NAME], folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    before = len(hub.requests)
    for revision in (None, COMMIT):
        with opened(hub, revision=revision) as checkpoint:
            assert (checkpoint.where, checkpoint.revision) == (NAME, COMMIT)
            found = torch.empty(300, 500)
            checkpoint.read_into("a.weight", found)
            assert torch.equal(found, WANTED)
    with pytest.raises(CheckpointError, match="not in the cache"):
        opened(hub, revision="v2")
    assert len(hub.requests) == before


def info(**more):
    file = {"rfilename": "model.safetensors", "size": 100}
    return json.dumps({"id": NAME, "sha": COMMIT, "siblings": [file], **more})


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "{}",
        "[]",
        "7",
        '{"id": "x"}',
        info(sha=None),
        info(sha="main"),
        info(sha="../../x"),
        info(sha=7),
        info(siblings=None),
        info(siblings=7),
        info(siblings=[{}]),
        info(siblings=[7]),
        *(
            info(siblings=[{"rfilename": "model.safetensors", "size": size}])
            for size in (None, -1, "x", 1.5, True, [1])
        ),
        info(siblings=[{"rfilename": None, "size": 1}]),
        info(siblings=[{"rfilename": "../model.safetensors", "size": 1}]),
    ],
)
def test_a_server_that_is_no_hub(hub, monkeypatch, body):
    monkeypatch.setattr(
        "tests.weights.server.Handler._info", lambda self, *_: self._answer(200, body.encode())
    )
    with pytest.raises(CheckpointError) as error:
        opened(hub)
    assert str(error.value).isprintable()
    assert not any("/resolve/" in path for _, path in hub.requests)


def test_a_server_that_fails_for_a_while(hub):
    with opened(hub) as checkpoint:
        hub.failing = 2
        found = torch.empty(300, 500)
        checkpoint.read_into("a.weight", found)
        assert torch.equal(found, WANTED)


def test_a_server_that_keeps_failing(hub):
    with opened(hub) as checkpoint:
        hub.failing = 100
        with pytest.raises(CheckpointError, match="the server answers 503"):
            checkpoint.read_into("a.weight", torch.empty(300, 500))


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub):
    with opened(hub) as checkpoint:
        before = sum(hub.sent.values())
        hub.cut = [100_000, 1, 250_000]
        found = torch.empty(300, 500)
        checkpoint.read_into("a.weight", found)
        assert torch.equal(found, WANTED)
        assert sum(hub.sent.values()) - before == 600_000
        assert checkpoint.read_bytes == sum(hub.sent.values())


def test_a_connection_that_always_breaks(hub):
    with opened(hub) as checkpoint:
        hub.cut = [0] * 100
        with pytest.raises(CheckpointError, match="broke off 4 times"):
            checkpoint.read_into("a.weight", torch.empty(300, 500))


def test_a_server_without_ranges_does_not_send_the_whole_file(hub):
    hub.ranges = False
    with pytest.raises(CheckpointError, match=f"does not send parts of files: run `hf download {NAME}`"):
        opened(hub)


def test_a_server_that_sends_another_range(hub):
    with opened(hub) as checkpoint:
        hub.shift = 1
        with pytest.raises(CheckpointError, match=r"sent `bytes \d+-\d+/\d+`.*, not bytes"):
            checkpoint.read_into("a.weight", torch.empty(300, 500))


def test_a_file_that_changed_its_size(hub):
    with opened(hub) as checkpoint:
        with (hub.repositories[NAME] / TWO).open("ab") as stream:
            stream.write(b"more")
        with pytest.raises(CheckpointError, match="not bytes"):
            checkpoint.read_into("a.weight", torch.empty(300, 500))


def test_headers_of_many_shards_are_all_counted(hub):
    """They are read at the same time."""
    folder = hub.repositories[NAME]
    files.sharded(folder, {f"s{at}.safetensors": {f"t{at}": ("F32", (at,))} for at in range(24)})
    with opened(hub) as checkpoint:
        assert len(checkpoint.tensors) == 24
        assert checkpoint.read_bytes == sum(hub.sent.values())
