import pytest
import torch

from tests.primitives.kit import after, built, close, contracts, draw, graph, refused

SIZES = "image_sizes: {grid: height width}"
STEP = "- anyres_pack: {newline: nl, sizes: image_sizes, tile: 8, grids: [[1, 2], [2, 1], [2, 2]]}"


def test_type_and_state():
    assert after("tiles (side side) c", STEP, SIZES) == "images x [anyres c]"
    assert graph("tiles (side side) c", STEP, SIZES).entries() == [("nl", (6,))]
    assert after("images (side side) c", STEP, SIZES) == "images_2 x [anyres c]"


def test_a_size_of_the_input_is_not_taken():
    """The number of tiles may be called `images`; the number of images then is another size."""
    assert after("anyres (side side) c", STEP, SIZES) == "images x [anyres_2 c]"


def laid_out(tiles, rows, columns, height, width, newline):
    """Tiles as one map, cut to the part that the image fills, each row ended; without the small view."""
    side = 4
    whole = torch.cat(
        [
            torch.cat([tiles[r * columns + c].reshape(side, side, -1) for c in range(columns)], 1)
            for r in range(rows)
        ]
    )
    h, w = whole.shape[:2]
    if width / height > w / h:
        cut = (h - int(round(height * (w / width), 7))) // 2
        whole = whole[cut : h - cut]
    else:
        cut = (w - int(round(width * (h / height), 7))) // 2
        whole = whole[:, cut : w - cut]
    return torch.cat([torch.cat([row, newline[None]]) for row in whole])


def test_numbers():
    module = built("tiles (side side) c", STEP, SIZES)
    sizes = [(8, 16, 1, 2), (16, 8, 2, 1), (16, 16, 2, 2), (12, 16, 2, 2), (7, 16, 1, 2)]
    count = sum(1 + rows * columns for _, _, rows, columns in sizes)
    x, start = draw(count, 16, 6), 0
    results = module(x, torch.tensor([[h, w] for h, w, _, _ in sizes]))
    assert len(results) == len(sizes)
    for (height, width, rows, columns), result in zip(sizes, results, strict=True):
        tiles = x[start : start + 1 + rows * columns]
        start += 1 + rows * columns
        close(result, torch.cat([tiles[0], laid_out(tiles[1:], rows, columns, height, width, module.nl)]))


def test_as_many_tiles_as_images_is_refused():
    with pytest.raises(ValueError, match=r"but there are 3"):
        built("tiles (side side) c", STEP, SIZES)(draw(3, 16, 6), torch.tensor([[8, 8]] * 3))


def test_guards():
    text = "for each image, anyres is side*side + rows * (columns + 1) of its tiles without padding"
    assert any(found.startswith(text) for found in contracts("tiles (side side) c", STEP, SIZES))
    with pytest.raises(ValueError, match=r"have \[3\] tiles \(anyres_pack\), but there are 4"):
        built("tiles (side side) c", STEP, SIZES)(draw(4, 16, 6), torch.tensor([[8, 16]]))


def test_nothing_comes_after_a_list():
    refused("VC205", "tiles (side side) c", f"{STEP}\n- §linear: {{name: p, out: d}}", SIZES)
    refused("VC205", "tiles (side side) c", f"{STEP}\n- §activation: gelu", SIZES)


def test_refused():
    step = STEP.replace("- any", "- §any")
    refused("VC202", "tiles n c", step, SIZES)
    refused("VC202", "(side side) c", step, SIZES)
    refused("VC202", "tiles 1+(side side) c", step, SIZES)
    refused("VC202", "tiles c h w", step, SIZES)
    refused("VC207", "tiles (h w) c", step, SIZES)
    refused("VC303", "tiles (side side) c", STEP.replace("image_sizes", "§sizes"), SIZES)
    refused("VC303", "tiles (side side) c", STEP.replace("image_sizes", "§x"), SIZES)
    refused(
        "VC205",
        "tiles (side side) c",
        STEP.replace("image_sizes", "§image_sizes"),
        "image_sizes: {grid: t h w}",
    )
    refused("VC206", "tiles (side side) c", STEP.replace("8", "§tiles"), SIZES)
    refused("VC104", "tiles (side side) c", STEP.replace("[[1, 2], [2, 1], [2, 2]]", "§[]"), SIZES)
    refused("VC104", "tiles (side side) c", STEP.replace("[1, 2]", "[§0, 2]"), SIZES)
    refused("VC104", "tiles (side side) c", STEP.replace("[1, 2]", "§[1, 2, 3]"), SIZES)
    refused(
        "VC109",
        "tiles (side side) c",
        STEP.replace("- anyres_pack: {newline: nl", "- anyres_pack: §{newline: nl.0"),
        SIZES,
    )
