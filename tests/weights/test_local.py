import json
import mmap
import os
import socket

import pytest
import torch
from safetensors.torch import save_file

from tests.weights.files import safetensors, sharded
from vla_compose.weights import local
from vla_compose.weights.checkpoint import open_checkpoint
from vla_compose.weights.errors import CheckpointError

TENSORS = {
    "big": torch.randn(700, 1001),
    "half": torch.randn(33, 5).bfloat16(),
    "none": torch.zeros(0, 4),
    "one": torch.tensor(7.25),
    "small": torch.randn(3, dtype=torch.float64),
}


@pytest.fixture
def folder(tmp_path):
    save_file(TENSORS, tmp_path / "model.safetensors")
    return tmp_path


def read(checkpoint, name, like):
    tensor = torch.full_like(like, float("nan"))
    assert checkpoint.read_into(name, tensor) == tensor.numel() * tensor.element_size()
    return tensor


# Of one page; of a size that is none of pages; larger than all.
@pytest.mark.parametrize("window", [mmap.ALLOCATIONGRANULARITY, 12_345, 8 * 2**20])
def test_every_bit_arrives(folder, monkeypatch, window):
    monkeypatch.setattr(local, "WINDOW", window)
    with open_checkpoint(folder) as checkpoint:
        for name, tensor in TENSORS.items():
            assert torch.equal(read(checkpoint, name, tensor), tensor)
        assert (
            checkpoint.read_bytes == checkpoint.stored_bytes == (folder / "model.safetensors").stat().st_size
        )


def test_only_what_is_asked_for_is_mapped(folder, monkeypatch):
    """Windows hold the tensor and at most a page before it, and are of bounded size."""
    windows = []
    real = mmap.mmap

    def spy(descriptor, length, **more):
        windows.append((more["offset"], length))
        return real(descriptor, length, **more)

    monkeypatch.setattr(local, "WINDOW", 2**20)
    with open_checkpoint(folder) as checkpoint:
        monkeypatch.setattr(mmap, "mmap", spy)
        stored = checkpoint.tensors["big"]
        before = checkpoint.read_bytes
        read(checkpoint, "big", TENSORS["big"])
        assert checkpoint.read_bytes - before == stored.nbytes
    page = mmap.ALLOCATIONGRANULARITY
    assert len(windows) == 3
    assert all(offset % page == 0 and length <= 2**20 + page for offset, length in windows)
    assert windows[0][0] > stored.begin - page
    assert sum(windows[-1]) == stored.end


def test_a_tensor_of_another_shape_is_not_filled(folder):
    with open_checkpoint(folder) as checkpoint, pytest.raises(ValueError, match="F32 of shape"):
        checkpoint.read_into("big", torch.empty(3))


def test_one_file(folder):
    with open_checkpoint(folder / "model.safetensors") as checkpoint:
        assert sorted(checkpoint.tensors) == sorted(TENSORS)
        assert checkpoint.config is None
        assert checkpoint.revision is None


def test_a_folder_with_one_file_of_another_name(tmp_path):
    (tmp_path / "adapter.safetensors").write_bytes(safetensors({"a": ("F32", (1,))}))
    with open_checkpoint(tmp_path) as checkpoint:
        assert list(checkpoint.tensors) == ["a"]
    (tmp_path / "b.safetensors").write_bytes(safetensors({"b": ("F32", (1,))}))
    with pytest.raises(
        CheckpointError, match=r"several.*name the one file.*\n  `adapter.safetensors`\n  `b.safe"
    ):
        open_checkpoint(tmp_path)


def test_the_single_file_goes_before_the_index(folder):
    """As in transformers."""
    sharded(folder, {"model-1.safetensors": {"a": ("F32", (1,))}})
    with open_checkpoint(folder) as checkpoint:
        assert checkpoint.files == ["model.safetensors"]


def test_config(folder):
    (folder / "config.json").write_text('{"vision_config": {"depth": 2}, "limit": [0.0, Infinity]}')
    with open_checkpoint(folder) as checkpoint:
        assert checkpoint.config is not None
        assert checkpoint.config["vision_config"] == {"depth": 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "no JSON object"),
        ("{", "no valid JSON"),
        ('{"a": 1, "a": 2}', "there twice"),
        ("{" * 10**5, "deeper"),
    ],
)
def test_wrong_config(folder, text, reason):
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=reason):
        open_checkpoint(folder)


def test_a_huge_config_is_not_read(folder):
    with (folder / "config.json").open("wb") as stream:
        stream.truncate(5 * 2**20)
    with pytest.raises(CheckpointError, match="the limit is 4,194,304"):
        open_checkpoint(folder)


# --- what is no checkpoint ---------------------------------------------------------------------------------


def test_nothing_there(tmp_path):
    for source in (
        tmp_path / "gone",
        str(tmp_path / "gone"),
        "gone.safetensors",
        "./owner/gone",
        "",
        "\0",
        "x" * 5000,
    ):
        with pytest.raises(CheckpointError):
            open_checkpoint(source)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_a_file_beside_the_weights(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError, match=r"holds no weights: name its folder$"):
        open_checkpoint(tmp_path / name)


@pytest.mark.parametrize("rest", ["", "/", "/tree/main"])
def test_an_address_names_a_repository(rest):
    with pytest.raises(CheckpointError, match=r"is an address: name the repository, `Qwen/Qwen2-VL-2B`$"):
        open_checkpoint(f"https://huggingface.co/Qwen/Qwen2-VL-2B{rest}")


def test_an_empty_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no `.safetensors` file"):
        open_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"holds no `.safetensors` file"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "a.pt", "a.pth", "a.ckpt", "a.pkl"])
def test_pickles_are_never_read(tmp_path, name):
    torch.save({"a": torch.zeros(1)}, tmp_path / name)
    for source in (tmp_path, tmp_path / name):
        with pytest.raises(CheckpointError, match=r"pickle.*never loaded: convert it .*save_pretrained"):
            open_checkpoint(source)


def test_a_revision_is_for_the_hub(folder):
    with pytest.raises(CheckpointError, match="leave out `revision`"):
        open_checkpoint(folder, revision="main")


def test_a_folder_by_the_name_of_a_file(tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match="is a folder, not a file"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("inside", [True, False])
def test_a_pipe_does_not_block(tmp_path, inside):
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="is a pipe or a device"):
        open_checkpoint(tmp_path if inside else tmp_path / "model.safetensors")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/stdin"])
def test_a_device(tmp_path, device):
    with pytest.raises(CheckpointError):
        open_checkpoint(device)
    (tmp_path / "model.safetensors").symlink_to(device)
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="leaves the folder"):
        open_checkpoint(tmp_path)


def test_a_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("model.safetensors")
        with pytest.raises(CheckpointError, match="is a pipe or a device"):
            open_checkpoint(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(folder):
    (folder / "model.safetensors").chmod(0)
    with pytest.raises(CheckpointError, match="permission denied"):
        open_checkpoint(folder)


def test_a_file_that_shrinks_while_it_is_read(folder):
    """No bus error: sizes are checked before a window is mapped."""
    with open_checkpoint(folder) as checkpoint:
        os.truncate(folder / "model.safetensors", 1000)
        with pytest.raises(CheckpointError, match="changed its size"):
            checkpoint.read_into("big", torch.empty(700, 1001))


def test_a_truncated_file(folder):
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(CheckpointError, match="download it again"):
        open_checkpoint(folder)


def test_files_are_closed(folder):
    before = len(os.listdir("/proc/self/fd"))
    with open_checkpoint(folder) as checkpoint:
        assert len(os.listdir("/proc/self/fd")) == before + 1
        read(checkpoint, "one", TENSORS["one"])
    os.truncate(folder / "model.safetensors", 20)
    with pytest.raises(CheckpointError):
        open_checkpoint(folder)
    assert len(os.listdir("/proc/self/fd")) == before


# --- symbolic links ----------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path):
    """A good file next to the folder, whose name starts like that of the folder."""
    path = tmp_path / "folder_evil" / "x.safetensors"
    path.parent.mkdir()
    path.write_bytes(safetensors({"a": ("F32", (1,))}))
    (tmp_path / "folder").mkdir()
    return path


@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.index.json", "config.json"])
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_that_leaves_the_folder(tmp_path, outside, name, relative):
    folder = tmp_path / "folder"
    if name == "config.json":
        (folder / "model.safetensors").write_bytes(outside.read_bytes())
    (folder / name).symlink_to("../folder_evil/x.safetensors" if relative else outside)
    with pytest.raises(CheckpointError, match=f"`{name}` is a symbolic link that leaves the folder"):
        open_checkpoint(folder)


def test_a_shard_that_is_a_link_out(tmp_path, outside):
    folder = tmp_path / "folder"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "x.safetensors"}}))
    (folder / "x.safetensors").symlink_to(outside)
    with pytest.raises(CheckpointError, match="leaves the folder"):
        open_checkpoint(folder)


def test_a_link_that_stays(folder):
    (folder / "model.safetensors").rename(folder / "real.safetensors")
    (folder / "model.safetensors").symlink_to("real.safetensors")
    with open_checkpoint(folder) as checkpoint:
        assert sorted(checkpoint.tensors) == sorted(TENSORS)


def test_a_link_that_the_user_names(tmp_path, outside):
    (tmp_path / "here").symlink_to(outside.parent)
    (tmp_path / "here.safetensors").symlink_to(outside)
    for source in (tmp_path / "here", tmp_path / "here.safetensors"):
        with open_checkpoint(source) as checkpoint:
            assert list(checkpoint.tensors) == ["a"]


def test_links_to_nowhere_and_in_circles(tmp_path):
    (tmp_path / "model.safetensors").symlink_to("gone.safetensors")
    with pytest.raises(CheckpointError, match="to a file that is not there"):
        open_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").symlink_to("model.safetensors")
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("shared", [False, True])
def test_the_cache_of_the_hub(tmp_path, outside, shared):
    """Snapshots link into `blobs`, which may link into a store that all repositories share; nowhere else."""
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    blob = repository / "blobs" / "e3b0c44298fc"
    if shared:
        store = tmp_path / "blobs" / "e3"
        store.mkdir(parents=True)
        (store / "b0c4").write_bytes(outside.read_bytes())
        blob.symlink_to("../../blobs/e3/b0c4")
    else:
        blob.write_bytes(outside.read_bytes())
    (snapshot / "model.safetensors").symlink_to("../../blobs/e3b0c44298fc")
    with open_checkpoint(snapshot) as checkpoint:
        assert list(checkpoint.tensors) == ["a"]
    (snapshot / "config.json").symlink_to("../../../folder_evil/x.safetensors")
    with pytest.raises(CheckpointError, match="leaves the folder"):
        open_checkpoint(snapshot)
