"""A model of transformers that holds nothing but its adapter, filled by transformers' own names.

The names are found without the layouts of a spec, and the tensors are read by safetensors where they lie on
disk: a wrong layout, or a wrong reader, cannot make both sides of a comparison wrong alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from vla_compose.hosts.base import Host
from vla_compose.hosts.errors import AttachError
from vla_compose.hosts.registry import HOSTS, find_host
from vla_compose.originals.errors import VerifyError
from vla_compose.weights.checkpoint import Checkpoint
from vla_compose.weights.errors import shown
from vla_compose.weights.fit import FLOATS

CODE = frozenset({
    "attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation",
    "auto_map", "custom_pipelines", "kernel_config", "quantization_config",
})  # fmt: skip
"""Settings that choose what code runs, which transformers may get from the Hub. A checkpoint is only data."""


@dataclass(frozen=True, slots=True)
class Original:
    """A model whose adapter has weights, and nothing else.

    Attributes:
        host: its family.
        model: without a head; all but the adapter is on the meta device.
        names: the name in the checkpoint of each parameter of the adapter, by its name in the model.
        sha256: of names, types, shapes and bytes of these tensors.
        dtype: the type that they are stored in.
    """

    host: Host
    model: Any
    names: Mapping[str, str]
    sha256: str
    dtype: torch.dtype

    def to(self, dtype: torch.dtype) -> None:
        """Change the type of the adapter."""
        for path in self.host.members:
            part = _at(self.model, path)
            if isinstance(part, nn.Module):
                part.to(dtype)
            else:
                part.data = part.data.to(dtype)

    def parameters(self) -> dict[str, nn.Parameter]:
        """The adapter's parameters, by their names in the model."""
        found = dict(self.model.named_parameters())
        return {name: found[name] for name in self.names}


def load_original(checkpoint: Checkpoint) -> Original:
    """Make the original that `config.json` of a checkpoint describes.

    Raises:
        VerifyError: there is no `config.json`, transformers has no such model, we know no adapter in it, or
            the checkpoint does not hold all of it.
    """
    model = _empty_model(checkpoint)
    try:
        host, start, inner = find_host(model)
    except AttachError:
        raise VerifyError(
            f"no shipped spec describes the adapter of `{type(model).__name__}`; "
            f"there are specs for: {_families()}"
        ) from None
    wanted = _members(host, inner)
    prefix = f"{start}." if start else ""
    names = _their_names(checkpoint, model, {prefix + name for name in wanted})
    missing = [name for name in wanted if prefix + name not in names]
    if missing:
        raise VerifyError(
            f"{shown(checkpoint.where)} does not hold the adapter of `{type(model).__name__}` under names "
            f"that transformers knows: {len(missing)} tensors are missing, such as {shown(missing[0])}"
        )
    digest = hashlib.sha256()
    state: dict[str, Tensor] = {}
    for name in sorted(wanted):
        tensor = _read(checkpoint, names[prefix + name])
        digest.update(f"{names[prefix + name]} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
        state[name] = tensor
    kinds = {tensor.dtype for tensor in state.values()}
    if len(kinds) > 1:
        raise VerifyError(f"the adapter is stored in several types ({', '.join(sorted(map(str, kinds)))})")
    _fill(model, host, inner, state)
    own = {name: names[prefix + name] for name in wanted}
    return Original(host, inner.eval(), own, digest.hexdigest(), kinds.pop())


def _empty_model(checkpoint: Checkpoint) -> Any:
    """The whole model, without memory."""
    from transformers import AutoModelForImageTextToText
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = checkpoint.config
    if config is None:
        raise VerifyError(
            f"{shown(checkpoint.where)} has no `config.json`, which says what the original is: name the "
            "folder or the repository of the whole model"
        )
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise VerifyError(
            f"transformers has no model of type {shown(str(kind))}, so there is nothing to compare with; "
            f"it has those of: {_families()}"
        )
    try:
        made = CONFIG_MAPPING[kind].from_dict(_without_code(config))
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(made)
    except Exception as error:  # whatever transformers makes of a configuration that it cannot use
        reason = str(error).strip().split("\n")[0]
        raise VerifyError(f"transformers cannot make a model of {shown(kind)} here: {reason}") from None
    return model


def _without_code(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_code(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in CODE
    }


def _families() -> str:
    return ", ".join(host.spec for host in HOSTS)


def _members(host: Host, model: nn.Module) -> list[str]:
    """The names of the adapter's state dict in the model."""
    starts = tuple(f"{path}." for path in host.members)
    return [name for name in model.state_dict() if name in host.members or name.startswith(starts)]


def _their_names(checkpoint: Checkpoint, model: Any, wanted: set[str]) -> dict[str, str]:
    """The names in the checkpoint of these entries of the model, as transformers' own loading finds them."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    mapping = get_model_conversion_mapping(model)
    renamings = [entry for entry in mapping if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in mapping if isinstance(entry, WeightConverter)]
    state = model.state_dict()
    found: dict[str, str] = {}
    for theirs in checkpoint.tensors:
        name, converted = rename_source_key(theirs, renamings, converters, model.base_model_prefix, state)
        if name not in state and theirs in state:
            name, converted = rename_source_key(theirs, [], [], model.base_model_prefix, state)
        if name in wanted and converted is None:
            found[name] = theirs
    return found


def _read(checkpoint: Checkpoint, name: str) -> Tensor:
    stored = checkpoint.tensors[name]
    if stored.dtype not in FLOATS:
        raise VerifyError(
            f"{shown(name)} is stored as {stored.dtype}: verify needs plain floating-point numbers"
        )
    where = Path(checkpoint.where)
    file = where / stored.file if where.is_dir() else where
    if file.is_file():
        with safe_open(file, framework="pt") as opened:
            mapped: Tensor = opened.get_tensor(name)
        # Some CPUs sum a product with one row in an order that depends on the address of the weight.
        return mapped.clone()
    tensor = torch.empty(stored.shape, dtype=FLOATS[stored.dtype])
    checkpoint.read_into(name, tensor)
    return tensor


def _fill(model: Any, host: Host, inner: Any, state: Mapping[str, Tensor]) -> None:
    """Give the adapter memory, its computed tables, and its weights."""
    for path in host.members:
        part = _at(inner, path)
        if isinstance(part, nn.Module):
            part.to_empty(device="cpu")
            for module in part.modules():
                model._init_weights(module)
    inner.load_state_dict(state, strict=False, assign=True)


def _at(model: nn.Module, path: str) -> Any:
    parent, _, name = path.rpartition(".")
    return getattr(model.get_submodule(parent), name)
