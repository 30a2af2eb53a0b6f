"""InternVL's `get_image_features` without the steps that the spec takes over. Needs transformers."""

from __future__ import annotations

from typing import Any

from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import select_hidden_states


@merge_with_config_defaults  # type: ignore[untyped-decorator]
@can_return_tuple  # type: ignore[untyped-decorator]
@select_hidden_states("vision_feature_layer")  # type: ignore[untyped-decorator]
def get_image_features(
    self: Any,
    pixel_values: Any,
    vision_feature_layer: Any = None,
    vision_feature_select_strategy: Any = None,
    **kwargs: Any,
) -> Any:
    """Features of one layer of the tower, with their class token, through the adapter."""
    outputs = self.vision_tower(pixel_values=pixel_values.to(dtype=self.dtype), return_dict=True, **kwargs)
    whole = (
        outputs.last_hidden_state
        if vision_feature_layer == -1
        else outputs.hidden_states[vision_feature_layer]
    )
    outputs.pooler_output = self.multi_modal_projector(whole)
    return outputs
