from tests.primitives.kit import after, built, close, draw, refused


def test_type():
    assert after("b c h w", "- to_tokens") == "b (h w) c"
    assert after("b c h w", "- tokens: {row_end: r}\n- to_tokens") == "b (h w+1) c"
    assert (
        after("(n m m) c", "- to_map\n- conv2d: {name: p, out: d, kernel: m, stride: m}\n- to_tokens")
        == "n d"
    )


def test_numbers():
    x = draw(3, 6, 2, 5)
    y = built("b c h w", "- to_tokens")(x)
    assert y.shape == (3, 10, 6)
    for i in range(2):
        for j in range(5):
            close(y[:, i * 5 + j], x[:, :, i, j])
    steps = "- to_map\n- conv2d: {name: p, out: d, kernel: m, stride: m}\n- to_tokens"
    module, x = built("(n m m) c", steps), draw(12, 6)
    expected = sum(x[at::4] @ module.p.weight[:, :, at // 2, at % 2].T for at in range(4)) + module.p.bias
    close(module(x), expected)


def test_result_is_a_view():
    x = draw(3, 6, 2, 5)
    assert built("b c h w", "- to_tokens")(x).data_ptr() == x.data_ptr()


def test_refused():
    refused("VC205", "b n c", "- §to_tokens")
    refused("VC205", "b c h w", "- to_tokens\n- §to_tokens")
    refused("VC101", "b c h w", "- to_tokens: {§name: p}")
