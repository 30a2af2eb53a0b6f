"""Saving a built module: a folder from which it can be built again, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vla_compose.built import ModuleError, built
from vla_compose.check.graph import Graph
from vla_compose.compiled import compiled
from vla_compose.files import FileError
from vla_compose.weights import strict_json
from vla_compose.weights.card import LIBRARY, is_untouched, model_card
from vla_compose.weights.fit import FLOATS
from vla_compose.weights.folder import write_folder
from vla_compose.weights.store import CONFIG
from vla_compose.weights.store import SINGLE as MODEL

SPEC, CARD = "spec.yaml", "README.md"
FILES = (CARD, CONFIG, MODEL, SPEC)
KEY = "vla_compose"
"""The one entry of the safetensors metadata: several are written in a random order."""
TABLE = 1e-2
"""How far a computed table may be off: half-precision rounds it, an edit moves it further."""
MIXED, NONE = "mixed", "none"
ANYWHERE = "path/to/this/folder"


def save_pretrained(
    module: nn.Module,
    save_directory: str | os.PathLike[str],
    *,
    repo_id: str | None = None,
    push_to_hub: bool = False,
    model_card_kwargs: Mapping[str, Any] | None = None,
    **push_to_hub_kwargs: Any,
) -> str | None:
    """Save a built module: weights, dims, and the spec itself.

    Files and keywords are those of `huggingface_hub.PyTorchModelHubMixin`. It is a function, because a built
    module is a plain `nn.Module`, the one that `eject` prints. The same module gives the same bytes. What is
    written: `model.safetensors`, `config.json` (dims, dtype, hash of the spec), `spec.yaml` (the spec as it
    was read) and `README.md` (a model card).

    Args:
        module: what `build`, `from_checkpoint` or `from_pretrained` returned, on any device.
        save_directory: a folder, but none of another model. Other files in it stay, and so does a
            `README.md` that somebody wrote.
        repo_id: the name on the Hub, for the card and for a push, which takes that of the folder otherwise.
        push_to_hub: push the folder as well.
        model_card_kwargs: front matter of the model card: `license`, `base_model`, `tags`, `language`...
        push_to_hub_kwargs: the other arguments of `push_to_hub`.

    Returns:
        The address of the commit if it was pushed, otherwise `None`.

    Raises:
        ModuleError: the module was not built by vla_compose, is no longer what its spec says (LoRA that is
            not merged, for example), or holds no plain numbers (on `meta`, quantised, sharded).
        FileError: the folder holds another model, or cannot be written.
        CheckpointError: the Hub refused it.
    """
    if push_to_hub_kwargs and not push_to_hub:
        raise TypeError(
            f"save_pretrained() got {next(iter(push_to_hub_kwargs))!r}, which needs push_to_hub=True"
        )
    folder = Path(save_directory)
    contents = _contents(module, repo_id or ANYWHERE, model_card_kwargs or {})
    tensors = _tensors(module)
    _check_ours(folder)

    def write(draft: str) -> None:
        for name, text in contents.items():
            if name != CARD or _may_replace(folder / CARD):
                Path(draft, name).write_bytes(text.encode())
        try:
            save_file(tensors, os.path.join(draft, MODEL), metadata={KEY: contents[CONFIG]})
        except SafetensorError as error:
            raise FileError(f"`{folder / MODEL}` cannot be written: {error}") from None

    write_folder(folder, FILES, write)
    if not push_to_hub:
        return None
    from vla_compose.weights.pushing import push_to_hub as push

    name = repo_id or Path(os.path.abspath(folder)).name
    return push(module, name, model_card_kwargs=model_card_kwargs, **push_to_hub_kwargs)


def spec_hash(text: str | bytes) -> str:
    """The SHA-256 of a spec's text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _contents(module: nn.Module, name: str, card: Mapping[str, Any]) -> dict[str, str]:
    graph = built(module)
    dtype = _dtype(module.state_dict(keep_vars=True))
    config: dict[str, Any] = {
        "dims": dict(graph.values),
        "dtype": dtype,
        "library_name": LIBRARY,
        "spec": graph.spec.name,
        "spec_sha256": spec_hash(graph.spec.text),
        "spec_version": graph.spec.version,
    }
    computed = _computed(module, graph)
    if computed:
        config["buffers"] = computed
    return {
        CONFIG: json.dumps(config, indent=2, sort_keys=True) + "\n",
        SPEC: graph.spec.text,
        CARD: model_card(graph, dtype, name, card),
    }


def _dtype(tensors: Mapping[str, Tensor]) -> str:
    found = {str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()}
    return found.pop() if len(found) == 1 else MIXED if found else NONE


def _computed(module: nn.Module, graph: Graph) -> dict[str, str]:
    """The dtype of every buffer that is computed from the spec, and so is in no file.

    Raises:
        ModuleError: such a buffer was changed, which no file could hold.
    """
    stored = {name for name, _ in graph.entries()}
    buffers = {name: buffer for name, buffer in module.named_buffers() if name not in stored}
    if not buffers:
        return {}
    with torch.device("meta"):
        fresh = dict(compiled(graph)().named_buffers())
    for name, buffer in buffers.items():
        wanted = fresh[name].to(buffer.dtype) if name in fresh else None
        if wanted is None or not torch.allclose(buffer.cpu(), wanted, rtol=0, atol=TABLE):
            raise ModuleError(
                f"the buffer `{name}` is not what the spec computes, and no file would hold it: give it its "
                "old values back, or make it a parameter of a spec of your own"
            )
    return {name: str(buffer.dtype).removeprefix("torch.") for name, buffer in sorted(buffers.items())}


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """The state dict as safetensors takes it: on the CPU, contiguous, no memory shared."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, value in module.state_dict().items():
        _check_plain(name, value)
        tensor = value.detach().cpu().contiguous()
        if tensor.untyped_storage().data_ptr() in seen:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        found[name] = tensor
    return found


def _check_plain(name: str, value: Tensor) -> None:
    kind = type(value).__name__
    if type(value) not in (Tensor, nn.Parameter):
        raise ModuleError(
            f"`{name}` is a `{kind}`, no plain tensor: gather or dequantise the module first, then save it"
        )
    if value.is_meta:
        raise ModuleError(
            f"`{name}` is on the meta device and has no values: load weights first, then save it"
        )
    if value.dtype not in FLOATS.values() or value.layout != torch.strided:
        what = str(value.dtype if value.layout == torch.strided else value.layout).removeprefix("torch.")
        raise ModuleError(
            f"`{name}` holds {what}, not plain floating-point numbers: dequantise the module first"
        )


def _check_ours(folder: Path) -> None:
    """Refuse to write over another model, such as the release that the adapter was taken from."""
    for name, ours in ((CONFIG, _is_our_config), (MODEL, _is_our_model)):
        path = folder / name
        if os.path.isfile(path) and not path.is_symlink() and not ours(path):
            raise FileError(
                f"`{path}` is of another model and would be lost: name another folder, or remove it"
            )


def _is_our_config(path: Path) -> bool:
    try:
        found = strict_json.parse(path.read_bytes())
    except (OSError, strict_json.JsonError):
        return False
    return isinstance(found, dict) and "spec_sha256" in found


def _is_our_model(path: Path) -> bool:
    try:
        with safe_open(path, framework="pt") as opened:
            return KEY in (opened.metadata() or {})
    except (OSError, SafetensorError):
        return False


def _may_replace(card: Path) -> bool:
    try:
        return is_untouched(card.read_bytes().decode())
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False
