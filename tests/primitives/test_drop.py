import pytest

from tests.primitives.kit import after, built, close, draw, refused


@pytest.mark.parametrize(
    ("x", "step", "type_"),
    [
        ("b 1+(s s) c", "{first: 1}", "b (s s) c"),
        ("b 2+(h w)+1 c", "{first: 2, last: 1}", "b (h w) c"),
        ("b 3+(h w) c", "{first: 1}", "b 2+(h w) c"),
        ("b (side side) c", "{last: m}", "b 14 c"),
        ("1+n c", "{first: 1}", "1+n c"),
        ("b 1+2+n c", "{first: 3}", "b n c"),
        ("b 5 c", "{first: 1, last: 1}", "b 3 c"),
    ],
)
def test_type(x, step, type_):
    if x == "1+n c":
        assert after(x, f"- drop: {step}") == "n c"
    else:
        assert after(x, f"- drop: {step}") == type_


def test_numbers():
    x = draw(3, 12, 6)
    close(built("b 2+(s s)+1 c", "- drop: {first: 2, last: 1}")(x), x[:, [2, 3, 4, 5, 6, 7, 8, 9, 10]])
    close(built("1+n c", "- drop: {first: 1}")(x[0]), x[0][1:])
    close(built("b n+2 c", "- drop: {last: 2}")(x), x[:, :10])


def test_refused():
    refused("VC205", "b c h w", "- §drop: {first: 1}")
    refused("VC205", "c", "- §drop: {first: 1}")
    refused("VC104", "b n c", "- §drop")
    refused("VC104", "b 1+n c", "- drop: §{first: 0}")
    refused("VC202", "b n c", "- §drop: {first: 1}")
    refused("VC202", "b 1+(h w) c", "- §drop: {first: 2}")
    refused("VC202", "packed(2 2) c", "- §drop: {first: 1}", "g: {grid: t h}")
    refused("VC203", "b 3 c", "- §drop: {first: 3}")
    refused("VC203", "b 3 c", "- §drop: {first: 2, last: 2}")
    refused("VC204", "b 3 c", "- drop: {first: §-1}")
    refused("VC206", "b n c", "- drop: {first: §n}")
