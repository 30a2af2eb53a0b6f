"""The limits of checkpoints on the page of limits: those of the code, accepted, and one more refused."""

import json
import re
from pathlib import Path

import pytest

from tests.weights.files import header, safetensors
from vla_compose.weights import checkpoint, headers, index, strict_json
from vla_compose.weights.checkpoint import open_checkpoint
from vla_compose.weights.errors import CheckpointError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"
CONSTANTS = {
    "bytes of the header of a `.safetensors` file": headers.MAX_HEADER,
    "bytes of `model.safetensors.index.json`": index.MAX_INDEX,
    "bytes of `config.json`": checkpoint.MAX_CONFIG,
    "lists and objects inside each other in any of them": strict_json.DEPTH,
    "shards": index.MAX_SHARDS,
    "axes of a tensor": headers.MAX_AXES,
    "characters of the name of a tensor": headers.MAX_NAME,
}


def test_the_page_is_complete():
    part = PAGE.read_text().partition("## Checkpoints\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| ([\d,]+) \|$", part, re.M))
    assert {what: int(value.replace(",", "")) for what, value in rows.items()} == CONSTANTS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(safetensors({"a": ("F32", (1,))}))
    return tmp_path


def opens(folder, reason=None):
    if reason is None:
        open_checkpoint(folder).close()
    else:
        with pytest.raises(CheckpointError, match=reason):
            open_checkpoint(folder)


def spaces(path, text, size):
    """A text with spaces after it: JSON of any size."""
    path.write_text(text + " " * (size - len(text)))


def test_header(folder):
    text = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path = folder / "model.safetensors"
    path.write_bytes(header(text + b" " * (headers.MAX_HEADER - len(text)), bytes(4)))
    opens(folder)
    path.write_bytes(header(text + b" " * (headers.MAX_HEADER + 1 - len(text)), bytes(4)))
    opens(folder, "the limit is 100,000,000")


def test_index(folder):
    (folder / "model.safetensors").rename(folder / "x.safetensors")
    path, text = folder / "model.safetensors.index.json", '{"weight_map": {"a": "x.safetensors"}}'
    spaces(path, text, index.MAX_INDEX)
    opens(folder)
    spaces(path, text, index.MAX_INDEX + 1)
    opens(folder, "the limit is 67,108,864")


def test_config(folder):
    spaces(folder / "config.json", "{}", checkpoint.MAX_CONFIG)
    opens(folder)
    spaces(folder / "config.json", "{}", checkpoint.MAX_CONFIG + 1)
    opens(folder, "the limit is 4,194,304")


def test_depth(folder):
    path = folder / "config.json"
    path.write_text('{"a": ' + "[" * 31 + "]" * 31 + "}")
    opens(folder)
    path.write_text('{"a": ' + "[" * 32 + "]" * 32 + "}")
    opens(folder, "nest deeper than 32 levels")
    # Brackets in text do not count.
    path.write_text(json.dumps({"a": "[" * 99 + '"' + "{" * 99 + "\\", "[[": 1}))
    opens(folder)


def test_shards(folder):
    (folder / "model.safetensors").unlink()
    for at in range(index.MAX_SHARDS + 1):
        (folder / f"s{at}.safetensors").write_bytes(safetensors({f"t{at}": ("F32", (0,))}))
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {f"t{at}": f"s{at}.safetensors" for at in range(1000)}}))
    opens(folder)
    path.write_text(json.dumps({"weight_map": {f"t{at}": f"s{at}.safetensors" for at in range(1001)}}))
    opens(folder, "more than 1,000 shards")


def test_axes_and_names(folder):
    path = folder / "model.safetensors"
    path.write_bytes(safetensors({"a" * 512: ("U8", (1,) * 16)}))
    opens(folder)
    path.write_bytes(safetensors({"a" * 513: ("U8", (1,))}))
    opens(folder, "no name of a tensor")
    path.write_bytes(safetensors({"a": ("U8", (1,) * 17)}))
    opens(folder, "no list of sizes")
