import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weights.files import header, safetensors, sharded
from vla_compose.weights import index
from vla_compose.weights.checkpoint import open_checkpoint
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.index import parse_index

INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def weight_map(value):
    return json.dumps({"weight_map": value}).encode()


def test_the_shard_of_every_tensor():
    text = {
        "metadata": {"total_size": 1.5e10, "more": None},
        "weight_map": {"a.b": ONE, "c": TWO},
        "other": 1,
    }
    assert parse_index(json.dumps(text).encode(), INDEX) == {"a.b": ONE, "c": TWO}


WRONG = {
    "empty": (b"", "no valid index"),
    "a list": (b"[]", "needs a `weight_map`"),
    "a list of names": (b'["w"]', "needs a `weight_map`"),
    "text": (b'"w"', "needs a `weight_map`"),
    "null": (b"null", "needs a `weight_map`"),
    "no weight_map": (b'{"metadata": {}}', "needs a `weight_map`"),
    "empty weight_map": (weight_map({}), "needs a `weight_map`"),
    "weight_map a list": (weight_map(["w"]), "needs a `weight_map`"),
    "same key twice": (b'{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', "'a' is there twice"),
    "two weight_maps": (b'{"weight_map": {}, "weight_map": {}}', "'weight_map' is there twice"),
    "NaN": (
        b'{"metadata": {"total_size": NaN}, "weight_map": {"a": "x.safetensors"}}',
        "NaN is no JSON number",
    ),
    "deep": (b'{"metadata": ' + b"[" * 10**5 + b"]" * 10**5 + b"}", "nest deeper"),
    "open": (b"[" * 10**5, "nest deeper"),
    "not UTF-8": (b'{"weight_map": {"\xff": 1}}', "not UTF-8"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "no valid index"),
    "shard a number": (weight_map({"a": 1}), "no text"),
    "shard null": (weight_map({"a": None}), "no text"),
    "shard a list": (weight_map({"a": [ONE]}), "no text"),
    "name empty": (weight_map({"": ONE}), "no name of a tensor"),
    "name a path": (weight_map({"../../x": ONE}), "no name of a tensor"),
    "name special": (weight_map({"__class__": ONE}), "no name of a tensor"),
    "name with an escape": (weight_map({"\x1b[2J": ONE}), "no name of a tensor"),
    "too many shards": (
        weight_map({f"t{at}": f"s{at}.safetensors" for at in range(1001)}),
        "more than 1,000",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_indexes_are_refused(case):
    data, reason = WRONG[case]
    with pytest.raises(CheckpointError) as error:
        parse_index(data, INDEX)
    assert reason in str(error.value)
    assert str(error.value).isprintable()


PATHS = [
    "../../etc/x.safetensors",
    "..\\x.safetensors",
    "/etc/x.safetensors",
    "//server/x.safetensors",
    "\\\\server\\x.safetensors",
    "C:x.safetensors",
    "C:\\x.safetensors",
    "file:///x.safetensors",
    "sub/x.safetensors",
    "./x.safetensors",
    ".x.safetensors",
    ".safetensors",
    "-x.safetensors",
    "~x.safetensors",
    "$HOME.safetensors",
    "x.safetensors/",
    "x.safetensors\n",
    "x.safetensors\0",
    "x .safetensors",
    "\uff58.safetensors",
    "x.SAFETENSORS",
    "x.bin",
    "x.safetensors.bin",
    "pytorch_model.bin",
    "x" * 300 + ".safetensors",
    "",
    ".",
    "..",
]


@pytest.mark.parametrize("path", PATHS)
def test_shards_lie_beside_the_index(tmp_path, path):
    with pytest.raises(CheckpointError, match=r"a shard is a `.safetensors` file beside it") as error:
        parse_index(weight_map({"a": path}), INDEX)
    assert str(error.value).isprintable()
    # The same through the door that users take; nothing outside is opened.
    (tmp_path / INDEX).write_bytes(weight_map({"a": path}))
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path)


def test_a_huge_index_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("vla_compose.weights.checkpoint.MAX_INDEX", 100)
    (tmp_path / INDEX).write_text(" " * 101)
    with pytest.raises(CheckpointError, match="has 101 bytes; the limit is 100"):
        open_checkpoint(tmp_path)
    assert index.MAX_INDEX == 64 * 2**20


A, B = {"a.x": ("F32", (2,)), "a.y": ("F32", (3,))}, {"b": ("BF16", (4, 4))}


def test_sharded(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B}, metadata={"total_size": 52})
    with open_checkpoint(tmp_path) as checkpoint:
        assert {name: stored.file for name, stored in checkpoint.tensors.items()} == {
            "a.x": ONE,
            "a.y": ONE,
            "b": TWO,
        }
        assert checkpoint.files == sorted([ONE, TWO, "model.safetensors.index.json"])
        assert checkpoint.stored_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_missing_shard(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B})
    (tmp_path / TWO).unlink()
    with pytest.raises(CheckpointError, match=f"lacks shards of its index.*\n  `{TWO}` is missing"):
        open_checkpoint(tmp_path)


def test_a_tensor_in_two_shards(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B})
    (tmp_path / TWO).write_bytes(safetensors(B | {"a.x": ("F32", (2,))}))
    with pytest.raises(CheckpointError, match=f"`a.x` is in `{ONE}` and in `{TWO}`"):
        open_checkpoint(tmp_path)


def test_a_tensor_that_the_index_does_not_know(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B})
    (tmp_path / TWO).write_bytes(safetensors(B | {"c": ("F32", (2,))}))
    with pytest.raises(CheckpointError, match=f"`c` is in `{TWO}`, but not in the index"):
        open_checkpoint(tmp_path)


def test_a_tensor_that_no_shard_holds(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B})
    (tmp_path / ONE).write_bytes(safetensors({"a.x": ("F32", (2,))}))
    with pytest.raises(CheckpointError, match=f"`a.y` is not in `{ONE}`, where the index says it is"):
        open_checkpoint(tmp_path)


def test_a_tensor_in_another_shard(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B})
    (tmp_path / ONE).write_bytes(safetensors({"a.x": ("F32", (2,))}))
    (tmp_path / TWO).write_bytes(safetensors(B | {"a.y": ("F32", (3,))}))
    with pytest.raises(CheckpointError, match=f"`a.y` is in `{TWO}`, but the index says `{ONE}`"):
        open_checkpoint(tmp_path)


def test_every_disagreement_is_named_and_many_are_cut(tmp_path):
    sharded(tmp_path, {ONE: A})
    more = {f"t{at}": ("F32", (1,)) for at in range(50)}
    (tmp_path / ONE).write_bytes(safetensors(A | more))
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(tmp_path)
    assert len(error.value.details) == 21
    assert error.value.details[-1] == "and 30 more"


def test_a_shard_that_is_damaged_is_named(tmp_path):
    sharded(tmp_path, {ONE: A, TWO: B})
    (tmp_path / TWO).write_bytes(header("{"))
    with pytest.raises(CheckpointError, match=f"`{TWO}` is no valid safetensors file"):
        open_checkpoint(tmp_path)


TEXT = st.text(max_size=12) | st.sampled_from(["weight_map", "metadata", ONE, TWO, "a", *PATHS])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(weight_map))
def test_anything_else_is_one_error(data):
    try:
        found = parse_index(data, INDEX)
    except CheckpointError as refusal:
        text = str(refusal)
        assert text.isprintable()
    else:
        assert all("/" not in shard and shard.endswith(".safetensors") for shard in found.values())
