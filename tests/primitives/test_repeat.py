from tests.primitives.kit import after, built, close, draw, graph, refused

LAYER = (
    "- repeat:\n    name: layers\n    count: depth\n    steps:\n"
    "      - linear: {name: p, out: same}\n      - activation: relu"
)


def test_type_and_state():
    assert after("b (h w) c", LAYER) == "b (h w) c"
    assert graph("b n c", LAYER).entries() == [
        ("layers.0.p.weight", (6, 6)),
        ("layers.0.p.bias", (6,)),
        ("layers.1.p.weight", (6, 6)),
        ("layers.1.p.bias", (6,)),
    ]
    assert len(graph("b n c", LAYER, depth=5).entries()) == 10


def test_numbers():
    module, x = built("b n c", LAYER), draw(3, 5, 6)
    y = x
    for layer in module.layers:
        y = (y @ layer.p.weight.T + layer.p.bias).clamp(min=0)
    close(module(x), y)


def test_layers_in_layers():
    steps = (
        "- repeat: {name: o, count: 3, steps: [{repeat: {name: i, "
        "count: 2, steps: [{matmul: {name: p, out: c}}]}}]}"
    )
    module, x = built("b n c", steps), draw(3, 5, 6)
    assert [name for name, _ in graph("b n c", steps).entries()] == [
        f"o.{a}.i.{b}.p" for a in range(3) for b in range(2)
    ]
    y = x
    for outer in module.o:
        for inner in outer.i:
            y = y @ inner.p
    close(module(x), y)


def test_sizes_reach_the_layers():
    steps = (
        "- repeat: {name: l, count: 2, steps: [{to_map: {}}, "
        "{conv2d: {name: p, out: same, kernel: 1}}, {to_tokens: {}}]}"
    )
    module, x = built("b (h w) c", steps, "size: {sizes: h w}"), draw(3, 10, 6)
    y = x
    for layer in module.l:
        y = y @ layer.p.weight[:, :, 0, 0].T + layer.p.bias
    close(module(x, (2, 5)), y)


def test_a_layer_may_make_its_own_context():
    steps = (
        "- repeat: {name: l, count: 2, steps: [{queries: {name: s, "
        "count: 5}}, {attention: {name: a, heads: 1}}]}"
    )
    assert built("b 5 c", steps)(draw(3, 5, 6)).shape == (3, 5, 6)


def test_right_after_several_edges():
    """The second layer reads the first one's result, whatever variable the first one reads."""
    from tests.primitives.kit import read
    from vla_compose import build

    layers = "repeat: {name: l, count: 2, steps: [{matmul: {name: p, out: same, init: {constant: 1}}}]}"
    module = build(
        read(
            "spec_version: 1\nname: t\ndims: {c: 3}\ninputs:\n  x: b n c\n  y: b n c\n"
            f"from: {{add: [x, y]}}\nsteps:\n  - {layers}\n"
        )
    ).double()
    x, y = draw(2, 4, 3), draw(2, 4, 3, seed=1)
    close(module(x, y), (x + y).sum(-1, keepdim=True).expand(-1, -1, 3) * 3)


def test_refused():
    refused("VC201", "b n c", "- §repeat: {name: l, count: 2, steps: [{linear: {name: p, out: d}}]}")
    refused("VC201", "b (n m m) c", "- §repeat: {name: l, count: 2, steps: [{spatial_merge: {size: m}}]}")
    refused("VC209", "b n c", "- repeat: {name: l, count: §10001, steps: [{activation: relu}]}")
    refused("VC204", "b n c", "- repeat: {name: l, count: §0, steps: [{activation: relu}]}")
    refused("VC206", "b n c", "- repeat: {name: l, count: §n, steps: [{activation: relu}]}")
    refused("VC103", "b n c", "- repeat: {name: l, count: 2, steps: §[]}")
    refused("VC102", "b n c", "- §repeat: {name: l, count: 2}")
    refused(
        "VC301",
        "b n c",
        "- linear: {name: l, out: same}\n- repeat: {name: §l, count: 2, steps: [{activation: relu}]}",
    )
    body = "[{linear: {name: p, out: same}}, {linear: {name: §p, out: same}}]"
    refused("VC301", "b n c", f"- repeat: {{name: l, count: 2, steps: {body}}}")
    refused("VC109", "b n c", "- repeat: {name: l, count: 2, steps: [{matmul: {name: §p.0, out: same}}]}")
    refused(
        "VC302",
        "b n c",
        "- repeat: {name: l, count: 2, steps: [{norm: {name: p.0}}, {norm: {name: §p.keys}}]}",
    )
    one = "{name: a.b, count: 2, steps: [{norm: {name: p}}]}"
    refused("VC301", "b n c", f"- repeat: {one}\n- repeat: {one.replace('a.b', '§a_b')}")
