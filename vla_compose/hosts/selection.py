"""Which features of a vision tower a model takes."""

from __future__ import annotations

from typing import Any


def selects_one_layer_of_patches(model: Any) -> str | None:
    """What is wrong when a model does not take the patches of one layer, without their class token."""
    if not isinstance(model.config.vision_feature_layer, int):
        return (
            f"the model joins several layers (vision_feature_layer = {model.config.vision_feature_layer}), "
            "and the spec takes one"
        )
    if model.config.vision_feature_select_strategy != "default":
        strategy = model.config.vision_feature_select_strategy
        return (
            f"the model keeps all tokens of the tower (vision_feature_select_strategy = {strategy!r}), "
            "and the spec drops the first"
        )
    return None
