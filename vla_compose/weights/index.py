"""The index of a sharded checkpoint: which file holds which tensor.

Nothing in it is trusted: shards lie beside it, and each tensor is where the index says and nowhere else. The
`total_size` of its metadata is not used: sizes come from headers and files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vla_compose.weights import strict_json
from vla_compose.weights.errors import CheckpointError, shown
from vla_compose.weights.headers import Stored, is_name

MAX_INDEX = 64 * 2**20
MAX_SHARDS = 1000
_SHARD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.safetensors", re.ASCII)


def parse_index(data: bytes, file: str) -> dict[str, str]:
    """The shard of every tensor, by name.

    Args:
        data: the whole index.
        file: its name, for messages.

    Raises:
        CheckpointError: it is no index, or names a file outside its folder.
    """
    try:
        found = strict_json.parse(data)
    except strict_json.JsonError as error:
        raise CheckpointError(f"{shown(file)} is no valid index: {error}; download it again") from None
    weight_map = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(
            f"{shown(file)} is no valid index: it needs a `weight_map` from tensors to files"
        )
    for name, shard in weight_map.items():
        if not is_name(name):
            raise CheckpointError(f"{shown(file)} is no valid index: {shown(name)} is no name of a tensor")
        if not isinstance(shard, str) or not _SHARD.fullmatch(shard):
            what = shown(shard) if isinstance(shard, str) else "no text"
            raise CheckpointError(
                f"{shown(file)} puts {shown(name)} into {what}; a shard is a `.safetensors` file beside it"
            )
    if len(set(weight_map.values())) > MAX_SHARDS:
        raise CheckpointError(f"{shown(file)} names more than {MAX_SHARDS:,} shards")
    return weight_map


def joined(weight_map: Mapping[str, str], shards: Mapping[str, Mapping[str, Stored]]) -> dict[str, Stored]:
    """The tensors of all shards, sorted by name.

    Args:
        weight_map: what the index says.
        shards: what the header of each shard says.

    Raises:
        CheckpointError: the two disagree; every tensor is named.
    """
    found: dict[str, Stored] = {}
    wrong: list[str] = []
    for shard, tensors in shards.items():
        for name, stored in tensors.items():
            expected = weight_map.get(name)
            if name in found:
                wrong.append(f"{shown(name)} is in {shown(found[name].file)} and in {shown(shard)}")
            elif expected is None:
                wrong.append(f"{shown(name)} is in {shown(shard)}, but not in the index")
            elif expected != shard:
                wrong.append(f"{shown(name)} is in {shown(shard)}, but the index says {shown(expected)}")
            found.setdefault(name, stored)
    wrong += [
        f"{shown(name)} is not in {shown(shard)}, where the index says it is"
        for name, shard in weight_map.items()
        if name not in found
    ]
    if wrong:
        raise CheckpointError("the index and its shards disagree; download the checkpoint again", wrong)
    return dict(sorted(found.items()))
