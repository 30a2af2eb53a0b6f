"""An adapter of 200 MB in a sharded checkpoint of 16 GB: what is read, and how much memory it takes.

The files are sparse, with real bytes only where the adapter lies.
"""

import ctypes
import json
import math
import mmap
import os
import subprocess
import sys
import time
import zlib

import pytest

import vla_compose
from tests.weights.files import entries, header

SPEC, VARIANT = "qwen3-vl", "2b"
PREFIX = "model.visual."
SHARDS, SHARD = 4, 4 * 10**9 + 10**8
LAYER = {"self_attn.q_proj": (2048, 2048), "mlp.gate_proj": (6144, 2048), "mlp.down_proj": (2048, 6144)}
BLOCK = bytes(range(1, 120)) * 1000
"""Bytes that are finite numbers in bfloat16."""

CHILD = """
import json, sys, zlib
import torch, vla_compose
from vla_compose import report_of
from vla_compose.weights import adapter, checkpoint
torch.set_num_threads(1)
vla_compose.build("qwen3-vl", device="meta")

def status(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
module = vla_compose.from_checkpoint("qwen3-vl", sys.argv[1])
peak = status("VmHWM") - before
report = report_of(module)
state = module.state_dict().items()
sums = {name: zlib.crc32(value.view(-1).view(torch.uint8).numpy()) for name, value in state}
print(json.dumps({"peak": peak, "read": report.read_bytes, "stored": report.stored_bytes, "sums": sums,
                  "dims": dict(report.dims), "files": report.files, "dtype": report.dtype}))
"""


def content(name, size):
    """Bytes that differ from tensor to tensor."""
    start = zlib.crc32(name.encode()) % 100
    block = BLOCK[start:] + BLOCK[:start]
    return (block * (size // len(block) + 1))[:size]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The folder, the size of the adapter, and the checksum of each of its tensors."""
    folder = tmp_path_factory.mktemp("checkpoint")
    adapter = {name: ("BF16", shape) for name, shape in vla_compose.compose(SPEC, variant=VARIANT).entries()}
    names = list(adapter)
    weight_map: dict[str, str] = {}
    sums, size = {}, 0
    for at in range(SHARDS):
        file = f"model-{at + 1:05}-of-{SHARDS:05}.safetensors"
        # Part of the adapter in the middle of each of two shards; the rest is layers, as many as fit.
        ours = {0: names[: len(names) // 3], 1: names[len(names) // 3 :]}.get(at, [])
        tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
        total = 0
        for layer in range(1000):
            for name, shape in LAYER.items():
                tensors[f"model.language_model.layers.{at * 1000 + layer}.{name}.weight"] = ("BF16", shape)
                total += 2 * math.prod(shape)
            if layer == 9:
                tensors |= {PREFIX + name: adapter[name] for name in ours}
            if total > SHARD:
                break
        found, length = entries(tensors)
        start = header(found)
        with (folder / file).open("wb") as stream:
            stream.write(start)
            for name in ours:
                begin, end = found[PREFIX + name]["data_offsets"]
                data = content(name, end - begin)
                stream.seek(len(start) + begin)
                stream.write(data)
                sums[name] = zlib.crc32(data)
                size += len(data)
            stream.truncate(len(start) + length)
            os.fsync(stream.fileno())
            # Nothing of it stays in memory, so that what is there later was read.
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        weight_map |= dict.fromkeys(tensors, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text("{}")
    return folder, size, sums


def resident(path):
    """How many bytes of a file are in memory, as the kernel says."""
    size = path.stat().st_size
    pages = -(-size // mmap.PAGESIZE)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_COPY) as view:
        found = (ctypes.c_ubyte * pages)()
        start = ctypes.c_char.from_buffer(view)
        library = ctypes.CDLL(None, use_errno=True)
        failed = library.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), found)
        del start
    assert not failed, os.strerror(ctypes.get_errno())
    return sum(byte & 1 for byte in bytes(found)) * mmap.PAGESIZE


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="reads memory figures of Linux")
def test_an_adapter_of_a_checkpoint_of_16_gb(checkpoint):
    folder, size, sums = checkpoint
    assert size > 150 * 10**6
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", CHILD, folder], capture_output=True, text=True, check=True)
    took = time.monotonic() - start
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["sums"] == sums
    assert found["dtype"] == "bfloat16"
    assert found["dims"] == dict(vla_compose.compose(SPEC, variant=VARIANT).values)
    assert len(found["files"]) == 2
    assert found["stored"] > 16 * 10**9
    assert size <= found["read"] <= 1.05 * size
    # The kernel's count, of pages that came into memory by any way of reading, agrees.
    in_memory = sum(resident(path) for path in folder.glob("*.safetensors"))
    assert 0.5 * size <= in_memory <= 1.05 * size
    assert found["peak"] <= 1.3 * size
    assert took < 60
