import json
import pickle
import struct
import time
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from tests.weights.files import header, safetensors
from vla_compose.weights.checkpoint import open_checkpoint
from vla_compose.weights.errors import CheckpointError
from vla_compose.weights.headers import BITS, header_size, is_name, parse_header


def parsed(data, file="x.safetensors"):
    length = header_size(data[:8], len(data), file)
    return parse_header(data[8 : 8 + length], len(data), file)


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_what_safetensors_writes(metadata):
    dtypes = [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int8,
        torch.bool,
    ]
    dtypes += [torch.uint8, torch.int16, torch.int32, torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64]
    tensors = {f"a.{at}": torch.zeros(at, 3, dtype=dtype) for at, dtype in enumerate(dtypes)}
    tensors |= {"scalar": torch.zeros(()), "none": torch.zeros(0, 7)}
    data = save(tensors, metadata)
    found = parsed(data)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].shape == tuple(tensor.shape)
        assert found[name].nbytes == tensor.numel() * tensor.element_size()
    assert sorted(data[: found["a.1"].end][found["a.1"].begin :]) == [0] * found["a.1"].nbytes
    assert max(stored.end for stored in found.values()) == len(data)


def test_every_dtype_of_the_format_has_a_size():
    assert {"F4", "F6_E2M3", "BF16", "C64", "F8_E8M0"} <= BITS.keys()
    # Four bits: an odd number of them fills no byte.
    assert parsed(header({"a": entry("F4", (6,), (0, 3))}, b"abc"))["a"].nbytes == 3
    with pytest.raises(CheckpointError, match="takes 4 bytes, but its data_offsets span 3"):
        parsed(header({"a": entry("F4", (7,), (0, 3))}, b"abc"))


SPACED = json.dumps({"a": entry()}) + "   "


def test_spaces_at_the_end_are_padding():
    assert parsed(header(SPACED, bytes(8)))["a"].begin == 8 + len(SPACED)


WRONG = {
    "empty file": (b"", "only 0 bytes"),
    "seven bytes": (b"\x01" * 7, "only 7 bytes"),
    "header too large": (struct.pack("<Q", 2**63) + b"{}", "the limit is 100,000,000"),
    "header of every bit": (b"\xff" * 64, "the limit is 100,000,000"),
    "header beyond the file": (struct.pack("<Q", 1000) + b"{}", "download it again"),
    "no object": (header("[]"), "does not start with `{`"),
    "space before": (header(" {}"), "does not start with `{`"),
    "empty header": (header(""), "does not start with `{`"),
    "broken JSON": (header('{"a": '), "no JSON object"),
    "not UTF-8": (header(b'{"\xff": 1}'), "not UTF-8"),
    "NUL in JSON": (header(b'{"a": \x00}'), "no JSON object"),
    "NaN": (header('{"a": NaN}'), "NaN is no JSON number"),
    "infinity": (header('{"a": -Infinity}'), "-Infinity is no JSON number"),
    "overflow": (header('{"a": 1e999}'), "too large"),
    "5000 digits": (header('{"a": ' + "9" * 5000 + "}"), "too many digits"),
    "same key twice": (header('{"a": 1, "a": 1}'), "the key 'a' is there twice"),
    "same key after escapes": (header('{"a": 1, "\\u0061": 1}'), "the key 'a' is there twice"),
    "same key inside": (header('{"a": {"dtype": "F32", "dtype": "F16"}}'), "'dtype' is there twice"),
    "deep lists": (header('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"), "nest deeper"),
    "deep objects": (header('{"a":' * 100_000 + "1" + "}" * 100_000), "nest deeper"),
    "open brackets": (header('{"a": ' + "[" * 100_000), "nest deeper"),
    "backslashes": (header('{"a": "' + '\\"' * 200_000), "no JSON object"),
    "metadata no object": (header({"__metadata__": []}), "`__metadata__`"),
    "metadata of numbers": (header({"__metadata__": {"a": 1}}), "`__metadata__`"),
    "entry is a list": (header({"a": [1, 2]}), "needs dtype, shape and data_offsets"),
    "entry lacks a field": (header({"a": {"dtype": "F32", "shape": [2]}}), "needs dtype, shape"),
    "entry has more": (header({"a": entry() | {"more": 1}}, bytes(8)), "nothing else"),
    "unknown dtype": (header({"a": entry("F31")}, bytes(8)), "`F31`, which is none of the format"),
    "dtype no text": (header({"a": entry(7)}, bytes(8)), "no text"),
    "dtype a list": (header({"a": entry(["F32"])}, bytes(8)), "no text"),
    "negative size": (header({"a": entry(shape=(-2,))}, bytes(8)), "no list of sizes"),
    "size true": (header({"a": entry(shape=(True, 2))}, bytes(8)), "no list of sizes"),
    "size with a point": (
        header('{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', bytes(8)),
        "sizes",
    ),
    "shape no list": (header('{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}', bytes(8)), "sizes"),
    "many axes": (header({"a": entry(shape=(1,) * 99, offsets=(0, 4))}, bytes(4)), "no list of sizes"),
    "overflow of zero": (header({"a": entry(shape=(0, 2**62), offsets=(0, 0))}), "too large for any file"),
    "overflow to zero": (
        header({"a": entry(shape=(2**32, 2**32), offsets=(0, 0))}),
        "too large for any file",
    ),
    "overflow of many": (header({"a": entry(shape=(2**30,) * 16, offsets=(0, 8))}), "too large for any file"),
    "more bytes than shape": (header({"a": entry(offsets=(0, 12))}, bytes(12)), "takes 8 bytes"),
    "fewer bytes than shape": (header({"a": entry(offsets=(0, 4))}, bytes(4)), "takes 8 bytes"),
    "wrong dtype for bytes": (header({"a": entry("F64")}, bytes(8)), "takes 16 bytes"),
    "offsets back to front": (header({"a": entry(offsets=(8, 0))}, bytes(8)), "no range"),
    "negative offset": (header({"a": entry(offsets=(-8, 0))}, bytes(8)), "no range"),
    "three offsets": (header({"a": entry(offsets=(0, 4, 8))}, bytes(8)), "no range"),
    "beyond the file": (header({"a": entry()}, bytes(7)), "need"),
    "far beyond the file": (header({"a": entry(shape=(2**40,), offsets=(0, 2**42))}, bytes(8)), "need"),
    "bytes left": (header({"a": entry()}, bytes(9)), "1 bytes after the last tensor are unused"),
    "bytes without tensors": (header({}, bytes(9)), "9 bytes after the last tensor are unused"),
    "gap before": (header({"a": entry(offsets=(8, 16))}, bytes(16)), "8 bytes before `a` are unused"),
    "gap between": (header({"a": entry(), "b": entry(offsets=(9, 17))}, bytes(17)), "1 bytes before `b`"),
    "overlap": (header({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)), "overlaps"),
    "the same place": (header({"a": entry(), "b": entry()}, bytes(8)), "overlaps"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "git lfs pull"),
    "HTML": (b"<!doctype html><html>404</html>", "no valid safetensors file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused(case):
    data, reason = WRONG[case]
    with pytest.raises(CheckpointError) as error:
        parsed(data)
    assert reason in str(error.value)
    assert "x.safetensors" in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../x",
        "__class__",
        "____",
        "a.__x__",
        "a.__init__.b",
        "a\0b",
        "a b",
        "a..b",
        ".a",
        "a.",
        "\x1b[2J",
        "a\nb",
        "ä",
        "a" * 513,
        "\ud800",
        "a\\b",
        "\u202ea",
        "%s",
        "{0}",
    ],
)
def test_names_that_no_state_dict_has(name):
    assert not is_name(name)
    with pytest.raises(CheckpointError, match="no name of a tensor") as error:
        parsed(header({name: entry()}, bytes(8)))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "model.layers.0.weight",
        "bert/pooler:0",
        "a.weight_scale_inv",
        "_a-b.1+2",
        "__a",
        "a__",
        "__a.b__",
    ],
)
def test_names_that_are_fine(name):
    assert is_name(name)
    assert parsed(header({name: entry()}, bytes(8)))[name].name == name


@pytest.mark.parametrize("length", [0x280, 0x380, 0x480, 0x580])
def test_a_good_file_may_start_like_a_pickle(length):
    text = json.dumps({"a": entry()}).ljust(length)
    data = header(text, bytes(8))
    assert data[0] == 0x80
    assert parsed(data)["a"].nbytes == 8


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_by_another_name(tmp_path, protocol):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"a": [1.0] * 100}, protocol))
    with pytest.raises(CheckpointError, match="is a pickle"):
        open_checkpoint(path)


def test_what_torch_saves_by_another_name(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(3)}, path)
    assert zipfile.is_zipfile(path)
    with pytest.raises(CheckpointError, match="is a pickle"):
        open_checkpoint(tmp_path)


def test_many_empty_tensors_take_little_time():
    many = {f"model.layers.{at}.weight": entry(shape=(0,), offsets=(0, 0)) for at in range(200_000)}
    data = header(many)
    start = time.process_time()
    assert len(parsed(data)) == 200_000
    assert time.process_time() - start < 10


def test_a_header_as_large_as_it_may_claim_is_read_from_what_is_there(tmp_path):
    """A sparse file that claims the largest header: no JSON, so that it is refused."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 99_999_000))
    with path.open("r+b") as stream:
        stream.truncate(10**9)
    with pytest.raises(CheckpointError, match="does not start with"):
        open_checkpoint(path)


# --- fuzzing -----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SIZE = st.integers(-2, 9) | st.sampled_from([2**31, 2**53, 2**63, 2**64]) | JSON
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*BITS, "f32", ""]) | JSON,
        "shape": st.lists(SIZE, max_size=4) | JSON,
        "data_offsets": st.lists(SIZE, max_size=3) | JSON,
    }
)


def ends_well(data):
    try:
        found = parsed(data)
    except CheckpointError as refusal:
        text = str(refusal)
        assert text.isprintable()
    else:
        assert all(8 <= stored.begin <= stored.end <= len(data) for stored in found.values())
        assert sum(stored.nbytes for stored in found.values()) <= len(data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes(data):
    ends_well(data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=64), st.binary(max_size=32))
def test_any_header(text, data):
    ends_well(header(b"{" + text, data))


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text(max_size=8) | st.sampled_from("abc"), ENTRY | JSON, max_size=4),
    st.binary(max_size=64),
)
def test_any_object(value, data):
    ends_well(header(json.dumps(value), data))


VALID = safetensors({"a.weight": ("F32", (2, 3)), "a.bias": ("BF16", (2,)), "n": ("I64", ())})


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_valid_file_with_a_few_bytes_changed(data):
    wrong = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wrong) - 1))
        wrong[at] = data.draw(st.integers(0, 255))
    ends_well(bytes(wrong[: data.draw(st.integers(0, len(wrong)))]))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_we_accept_safetensors_accepts(tmp_path_factory, data):
    """The library is the other reader of the format: whatever we take must be the same to it."""
    import safetensors

    wrong = bytearray(VALID)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(8, len(wrong) - 1))
        wrong[at] = data.draw(st.integers(32, 126))
    try:
        found = parsed(bytes(wrong))
    except CheckpointError:
        return
    theirs = dict(safetensors.deserialize(bytes(wrong)))
    assert {name: (stored.dtype, list(stored.shape)) for name, stored in found.items()} == {
        name: (value["dtype"], value["shape"]) for name, value in theirs.items()
    }


def test_save_file_and_our_reader_agree_on_offsets(tmp_path):
    tensors = {f"t.{at}": torch.arange(at + 1, dtype=torch.float32) for at in range(5)}
    save_file(tensors, tmp_path / "model.safetensors")
    raw = (tmp_path / "model.safetensors").read_bytes()
    for name, stored in parsed(raw).items():
        assert raw[stored.begin : stored.end] == tensors[name].numpy().tobytes()
