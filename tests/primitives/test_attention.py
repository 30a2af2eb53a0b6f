import math

import pytest
import torch

from tests.primitives.kit import after, built, close, draw, graph, refused

QUERIES = "- queries: {name: s, count: 5}\n"
MASK = "mask: {optional: true, type: b n}"


def naive(query, key, value, heads, kv_heads, dim, hidden=None):
    """One head, one query at a time."""
    batch, queries, keys = query.shape[0], query.shape[1], key.shape[1]
    out = torch.zeros(batch, queries, heads * dim, dtype=query.dtype)
    for b in range(batch):
        for head in range(heads):
            shared = head // (heads // kv_heads)
            mine = slice(head * dim, (head + 1) * dim)
            theirs = slice(shared * dim, (shared + 1) * dim)
            for i in range(queries):
                scores = torch.stack(
                    [query[b, i, mine] @ key[b, j, theirs] for j in range(keys)]
                ) / math.sqrt(dim)
                if hidden is not None:
                    scores = scores.masked_fill(hidden[b], -torch.inf)
                weights = scores.exp() / scores.exp().sum()
                out[b, i, mine] = sum(weights[j] * value[b, j, theirs] for j in range(keys))
    return out


def apply(layer, x):
    y = x @ layer.weight.T
    return y if layer.bias is None else y + layer.bias


@pytest.mark.parametrize("keys", ["context", "context_and_self", "self"])
@pytest.mark.parametrize(("heads", "kv_heads", "dim"), [(2, 2, 3), (6, 3, 2), (4, 1, 5)])
@pytest.mark.parametrize("bias", ["true", "false"])
def test_numbers(keys, heads, kv_heads, dim, bias):
    step = (
        f"- attention: {{name: a, keys: {keys}, heads: {heads}, "
        f"kv_heads: {kv_heads}, head_dim: {dim}, bias: {bias}}}"
    )
    module, x = built("b n c", QUERIES + step), draw(3, 4, 6)
    stream = torch.stack([module.s] * 3)
    read = {"context": x, "self": stream, "context_and_self": torch.cat([x, stream], 1)}[keys]
    attended = naive(
        apply(module.a.q_proj, stream),
        apply(module.a.k_proj, read),
        apply(module.a.v_proj, read),
        heads,
        kv_heads,
        dim,
    )
    close(module(x), apply(module.a.o_proj, attended))


@pytest.mark.parametrize("keys", ["context", "context_and_self"])
def test_mask(keys):
    module = built("b n c", f"{QUERIES}- attention: {{name: a, keys: {keys}, heads: 2, mask: mask}}", MASK)
    x, real = draw(3, 4, 6), torch.tensor([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    stream = torch.stack([module.s] * 3)
    read, hidden = x, ~real
    if keys == "context_and_self":
        read, hidden = torch.cat([x, stream], 1), torch.cat([~real, torch.zeros(3, 5, dtype=torch.bool)], 1)
    y = naive(
        apply(module.a.q_proj, stream),
        apply(module.a.k_proj, read),
        apply(module.a.v_proj, read),
        2,
        2,
        3,
        hidden,
    )
    close(module(x, real), apply(module.a.o_proj, y))
    close(module(x), module(x, torch.ones(3, 4, dtype=torch.bool)))
    for step in ("context", "context_and_self"):
        assert step
    with pytest.raises(
        ValueError,
        match=r"^`mask` must be booleans or integers `b n` with b = 3, n = 4, but is torch.bool of",
    ):
        module(x, torch.ones(3, 5, dtype=torch.bool))


def test_one_mask_for_steps_that_read_different_keys():
    """Each gets a mask of its own size."""
    steps = (
        f"{QUERIES}- attention: {{name: a, heads: 2, mask: mask}}\n"
        f"- attention: {{name: r, heads: 2, keys: context_and_self, mask: mask}}"
    )
    module = built("b n c", steps, MASK)
    assert module(draw(3, 4, 6), torch.tensor([[1, 1, 0, 1]] * 3)).shape == (3, 5, 6)


def test_context_norm():
    step = "- attention: {name: a, heads: 2, context_norm: {name: cn, kind: layer}}"
    module, x = built("b n c", QUERIES + step), draw(3, 4, 6)
    stream = torch.stack([module.s] * 3)
    read = torch.nn.functional.layer_norm(x, (6,), module.cn.weight, module.cn.bias, 1e-6)
    y = naive(
        apply(module.a.q_proj, stream), apply(module.a.k_proj, read), apply(module.a.v_proj, read), 2, 2, 3
    )
    close(module(x), apply(module.a.o_proj, y))


def test_type_and_state():
    assert after("b (h w) c", "- attention: {name: a, heads: 2, keys: self}") == "b (h w) c"
    steps = "- queries: {name: s, count: q}\n- linear: {name: p, out: d}\n"
    step = "- attention: {name: a, heads: 4, kv_heads: 2, head_dim: 3, names: [w, x, y, z]}"
    assert graph("b n c", steps + step).entries() == [
        ("s", (9, 6)),
        ("p.weight", (10, 6)),
        ("p.bias", (10,)),
        ("a.w.weight", (12, 10)),
        ("a.x.weight", (6, 6)),
        ("a.y.weight", (6, 6)),
        ("a.z.weight", (10, 12)),
    ]


def test_refused():
    step = "- §attention: {name: a, heads: 2}"
    refused("VC205", "b n c", step)
    refused("VC205", "n c", "- §attention: {name: a, heads: 2, keys: self}")
    refused("VC205", "b c h w", "- §attention: {name: a, heads: 2, keys: self}")
    refused("VC203", "b n c", "- attention: {name: a, heads: §4, keys: self}")
    refused("VC203", "b n c", "- attention: {name: a, heads: 4, kv_heads: §3, head_dim: 2, keys: self}")
    refused("VC204", "b n c", "- attention: {name: a, heads: §0, keys: self}")
    refused("VC206", "b n c", "- attention: {name: a, heads: 2, head_dim: §n, keys: self}")
    refused("VC104", "b n c", "- attention: {name: a, heads: 2, keys: §self, context_norm: {name: x}}")
    refused("VC104", "b n c", "- attention: {name: a, heads: 2, keys: §self, mask: mask}", MASK)
    refused("VC104", "b n c", "- attention: {name: a, heads: 2, keys: §own}")
    refused("VC104", "b n c", "- attention: {name: a, heads: 2, names: §[q, k, v], keys: self}")
    mask = f"{QUERIES}- attention: {{name: a, heads: 2, mask: §mask}}"
    refused("VC303", "b n c", mask)
    refused("VC201", "b n c", mask, "mask: {optional: true, type: b m}")
    refused("VC201", "b n c", mask, "mask: {optional: true, type: n}")
    refused("VC205", "b n c", mask, "mask: {each: 2, type: b n}")
    wide = QUERIES + "- linear: {name: p, out: d}\n- §attention: {name: a, heads: 2, keys: context_and_self}"
    refused("VC201", "b n c", wide)
