"""LLaVA-NeXT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vla_compose.check.graph import Graph
from vla_compose.hosts.base import Dims, Host, Inputs
from vla_compose.hosts.changes import Changes
from vla_compose.hosts.selection import selects_one_layer_of_patches
from vla_compose.hosts.stand_in import Features, First, standing
from vla_compose.primitives.anyres_pack import AnyresPack

WHOLE = "full"
"""Features with their class token."""


class LlavaNext(Host):
    """The projector, and the packing of tiles with its newline token."""

    spec: ClassVar[str] = "llava-next"
    models: ClassVar[tuple[str, ...]] = ("LlavaNextModel",)
    seat: ClassVar[str] = "adapter"
    members: ClassVar[tuple[str, ...]] = ("multi_modal_projector", "image_newline")
    seam: ClassVar[str] = (
        "`get_image_features` and `pack_image_features`, because the model selects, projects and packs in "
        "three steps and the spec does all of it"
    )

    def place(self, model: nn.Module, adapter: nn.Module, changes: Changes) -> None:
        changes.swap(model, "multi_modal_projector", First())
        changes.drop_parameter(model, "image_newline")
        changes.add(model, self.seat, adapter)
        changes.method(model, get_image_features)
        changes.method(model, pack_image_features)

    def call(self, model: Any, inputs: Inputs) -> Any:
        x = inputs["x"]
        with standing(model, {"vision_tower": Features(x)}):
            features = model.get_image_features(torch.empty(len(x), 3, 1, 1), inputs["image_sizes"])
        return features.pooler_output

    def cases(self, dims: Dims) -> Iterator[tuple[str, Inputs]]:
        from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

        tile, side = dims["tile"], dims["side"]
        grids = [[rows * tile, columns * tile] for rows, columns in _grids(None)]
        sizes = {
            "wide": [(tile // 2, 2 * tile)],
            "tall": [(3 * tile, tile - 1)],
            "small": [(tile // 2, tile // 3)],
            "three_images": [(tile, 2 * tile), (2 * tile, 2 * tile - 3), (tile + 1, tile)],
        }
        for name, images in sizes.items():
            count = sum(image_size_to_num_patches(size, grids, tile) for size in images)
            x = torch.randn(count, 1 + side * side, dims["vision"])
            yield name, {"x": x, "image_sizes": torch.tensor(images)}

    def objection(self, model: Any, graph: Graph) -> str | None:
        tile = model.config.vision_config.image_size
        own = [[pixels / tile for pixels in grid] for grid in model.config.image_grid_pinpoints]
        taken = _grids(graph)
        if taken and sorted(taken) != sorted(own):
            return (
                f"the model cuts images on the grids {model.config.image_grid_pinpoints} (in tiles {own}), "
                f"and `anyres_pack` has {taken}"
            )
        return selects_one_layer_of_patches(model)


def get_image_features(
    self: Any,
    pixel_values: Any,
    image_sizes: Any,
    vision_feature_layer: Any = None,
    vision_feature_select_strategy: Any = None,
    **kwargs: Any,
) -> Any:
    """The model's own method, which hands the features over with their class token."""
    return type(self).get_image_features(
        self,
        pixel_values,
        image_sizes,
        vision_feature_layer=vision_feature_layer,
        vision_feature_select_strategy=WHOLE,
        **kwargs,
    )


def pack_image_features(
    self: Any, image_features: Any, image_sizes: Any, **_: Any
) -> tuple[list[Tensor], Tensor]:
    """The tokens that the adapter makes of each image, and how many these are."""
    tokens = self.adapter(torch.cat(tuple(image_features)), torch.as_tensor(image_sizes))
    return tokens, torch.tensor([len(found) for found in tokens], device=tokens[0].device)


def _grids(graph: Graph | None) -> list[list[int]]:
    """Rows and columns of the grids on which a spec packs tiles; those of the shipped one without a graph."""
    if graph is None:
        from vla_compose.api import compose

        graph = compose(LlavaNext.spec)
    bodies = [step.body for checked in graph.chains for step in checked.chain.steps]
    return [list(grid) for body in bodies if isinstance(body, AnyresPack) for grid in body.grids]
