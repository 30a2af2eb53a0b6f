import math

import torch

from tests.primitives.kit import after, built, close, draw, graph, refused


def table(width, side):
    rows = []
    for row in range(side):
        for column in range(side):
            values = []
            for place in (column, row):
                angles = [place / 10000 ** (i / (width / 4)) for i in range(width // 4)]
                values += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
            rows.append(values)
    return torch.tensor(rows, dtype=torch.float64).float().double()


def test_type_and_state():
    assert after("b (side side) w8", "- positions: {name: p}") == "b (side side) w8"
    assert graph("b (side side) w8", "- positions: {name: p}").entries() == []
    assert after("b (side m*m) w8", "- positions: {name: p}") == "b (side m*m) w8"


def test_numbers():
    module, x = built("b (side side) w8", "- positions: {name: p.q}"), draw(3, 16, 8)
    close(module(x), x + table(8, 4))
    assert not module.p.q.requires_grad
    x = x.bfloat16()
    assert torch.equal(module(x), x + module.p.q.bfloat16())


def test_the_buffer_keeps_its_name():
    refused("VC301", "b (side side) w8", "- positions: {name: p}\n- linear: {name: §p, out: d}")


def test_refused():
    refused("VC202", "b n w8", "- §positions: {name: p}")
    refused("VC202", "b (side m) w8", "- §positions: {name: p}")
    refused("VC202", "(side side) w8", "- §positions: {name: p}")
    refused("VC202", "b w8 h w", "- §positions: {name: p}")
    refused("VC206", "b (s s) w8", "- §positions: {name: p}")
    refused("VC203", "b (side side) c", "- §positions: {name: p}")
    refused("VC104", "b (side side) w8", "- positions: {name: p, kind: §rope}")
    refused("VC102", "b (side side) w8", "- §positions")
    refused("VC109", "b (side side) w8", "- positions: {name: §p.0}")
