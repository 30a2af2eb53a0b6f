"""Safetensors files made byte by byte, so that they can also be wrong."""

import json
import math
import struct

SIZES = {
    "F64": 8,
    "F32": 4,
    "BF16": 2,
    "F16": 2,
    "I64": 8,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
    "C64": 8,
    "F8_E4M3": 1,
}


def header(text, data=b""):
    """A file with this header, given as bytes, text or an object."""
    if not isinstance(text, bytes):
        text = (text if isinstance(text, str) else json.dumps(text)).encode()
    return struct.pack("<Q", len(text)) + text + data


def entries(tensors):
    """The header entries of tensors, `{name: (dtype, shape)}`, one after another, and the bytes of all."""
    found, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = at + SIZES[dtype] * math.prod(shape)
        found[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return found, at


def safetensors(tensors):
    """A valid file of tensors, `{name: (dtype, shape)}`, whose bytes differ, and are finite numbers."""
    found, size = entries(tensors)
    return header(found, bytes(at % 113 for at in range(size)))


def sharded(folder, shards, **more):
    """Shards, `{file: {name: (dtype, shape)}}`, with their index; `more` goes into the index."""
    for file, tensors in shards.items():
        (folder / file).write_bytes(safetensors(tensors))
    weight_map = {name: file for file, tensors in shards.items() for name in tensors}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map, **more}))
