from tests.primitives.kit import after, built, close, draw, graph, refused

BODY = "- residual:\n    - linear: {name: p, out: same}\n    - activation: relu"


def test_type_and_state():
    assert after("b (h w) c", BODY) == "b (h w) c"
    assert after("b c h w", "- residual: {steps: [{activation: relu}]}") == "b c h w"
    assert graph("b n c", BODY).entries() == [("p.weight", (6, 6)), ("p.bias", (6,))]


def test_numbers():
    module, x = built("b n c", BODY), draw(3, 5, 6)
    close(module(x), x + (x @ module.p.weight.T + module.p.bias).clamp(min=0))
    module = built(
        "b n c", "- residual: [{residual: [{linear: {name: p, out: same}}]}, {linear: {name: r, out: same}}]"
    )
    y = x + x @ module.p.weight.T + module.p.bias
    close(module(x), x + y @ module.r.weight.T + module.r.bias)


def test_what_went_in_is_kept():
    x = draw(3, 5, 6)
    before = x.clone()
    built("b n c", BODY)(x)
    assert x.equal(before)


def test_a_left_out_step():
    close(
        built("b n c", "- residual: [{linear: {name: p, out: d, when: c == d}}]")(draw(3, 5, 6)),
        2 * draw(3, 5, 6),
    )


def test_refused():
    refused("VC201", "b n c", "- §residual: [{linear: {name: p, out: d}}]")
    refused("VC201", "b n c", "- §residual: [{tokens: {start: p}}]")
    refused("VC103", "b n c", "- residual: §[]")
    refused("VC102", "b n c", "- §residual")
    refused("VC105", "b n c", "- residual: [{§liner: {name: p, out: c}}]")
    refused("VC205", "b n c", "- residual: [{§to_tokens: {}}]")
    refused("VC301", "b n c", "- linear: {name: p, out: same}\n- residual: [{linear: {name: §p, out: same}}]")


def test_same_shape_in_another_order():
    steps = "- §residual: [{spatial_merge: {size: 1, channels: hwc}}, {to_map: {}}, {to_tokens: {}}]"
    assert after("b (h w) c", steps.replace("§", ""), "size: {sizes: h w}") == "b (h w) c"
    message = refused("VC202", "b (side q) c", "- §residual: [{drop: {first: 1}}, {tokens: {start: p}}]")
    assert "other order" in message
