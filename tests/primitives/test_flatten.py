from tests.primitives.kit import after, built, close, draw, refused


def test_type():
    assert after("b n c", "- flatten") == "(b n) c"
    assert after("b (h w) c", "- flatten") == "(b h w) c"
    assert after("b 1+(h w) c", "- flatten") == "(b h*w+1) c"
    assert after("b (n m m) c", "- flatten\n- spatial_merge: {size: m}") == "(b n) (m m c)"


def test_numbers():
    x = draw(3, 5, 6)
    y = built("b n c", "- flatten")(x)
    close(y, x.new_tensor([[x[i // 5, i % 5, j] for j in range(6)] for i in range(15)]))


def test_refused():
    refused("VC205", "n c", "- §flatten")
    refused("VC205", "b c h w", "- §flatten")
    refused("VC101", "b n c", "- flatten: {§start: 1}")
