import torch

from tests.primitives.kit import after, built, close, draw, fresh, graph, refused


def test_type_and_state():
    assert after("b n c", "- queries: {name: p, count: q}") == "b q c"
    assert after("b (h w) c", "- queries: {name: p, count: q, batch: false}") == "q c"
    assert graph("b n c", "- queries: {name: p, count: q}").entries() == [("p", (9, 6))]


def test_numbers():
    module = built("b n c", "- queries: {name: p, count: q}")
    close(module(draw(3, 5, 6)), torch.stack([module.p] * 3))
    module = built("b n c", "- queries: {name: p, count: q, batch: false}")
    close(module(draw(3, 5, 6)), module.p.detach())


def test_initial_values():
    torch.manual_seed(0)
    module = fresh("b n 600", "- queries: {name: p, count: 40}")
    assert abs(module.p.std().item() - 0.02) < 0.001
    assert fresh("b n c", "- queries: {name: p, count: q, init: {constant: 1}}").p.eq(1).all()


def test_refused():
    refused("VC205", "n c", "- §queries: {name: p, count: q}")
    refused("VC205", "b c h w", "- §queries: {name: p, count: q}")
    refused("VC206", "b n c", "- queries: {name: p, count: §n}")
    refused("VC204", "b n c", "- queries: {name: p, count: §q - 9}")
    refused("VC102", "b n c", "- §queries: {name: p}")
    refused("VC109", "b n c", "- queries: {name: §p.0, count: q}")
