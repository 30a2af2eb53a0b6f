from tests.primitives.kit import after, built, close, draw, fresh, graph, refused


def test_type_and_state():
    assert after("b (h w) c", "- matmul: {name: p, out: d}") == "b (h w) d"
    assert graph("b n c", "- matmul: {name: p, out: d}").entries() == [("p", (6, 10))]


def test_numbers():
    module, x = built("b n c", "- matmul: {name: a.p, out: d}"), draw(3, 5, 6)
    close(module(x), (x[..., :, None] * module.a.p).sum(-2))


def test_initial_values():
    assert fresh("b n c", "- matmul: {name: p, out: d}").p.eq(0).all()
    assert fresh("b n c", "- matmul: {name: p, out: d, init: {constant: 2}}").p.eq(2).all()
    assert fresh("b n c", "- matmul: {name: p, out: d, init: {normal: d^-0.5}}").p.std() > 0.1


def test_refused():
    refused("VC205", "b c h w", "- §matmul: {name: p, out: d}")
    refused("VC206", "b n c", "- matmul: {name: p, out: §n}")
    refused("VC101", "b n c", "- matmul: {name: p, out: d, §bias: true}")
    refused("VC102", "b n c", "- §matmul: {name: p}")
    refused("VC109", "b n c", "- matmul: {name: §p.0, out: d}")
