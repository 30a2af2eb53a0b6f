"""Counting bits."""

import math

import pytest
import torch

from vla_compose.originals.bits import bits, differing_bits, flat, largest_difference, sha256

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_flipped_bit_counts_once(dtype):
    left = torch.randn(5, 3, dtype=dtype)
    integers = {8: torch.int64, 4: torch.int32, 2: torch.int16}[dtype.itemsize]
    for place in range(8 * dtype.itemsize):
        right = left.clone()
        mask = 1 << place if place < 8 * dtype.itemsize - 1 else torch.iinfo(integers).min
        right.view(integers)[2, 1] ^= mask
        assert differing_bits(left, right) == 1
        assert sha256(left) != sha256(right)
    assert differing_bits(left, left.clone()) == 0


def test_zeros_of_two_signs_differ():
    assert differing_bits(torch.tensor([0.0]), torch.tensor([-0.0])) == 1


def test_memory_order_does_not_count():
    left = torch.randn(4, 6)
    right = left.T.contiguous().T
    assert differing_bits(left, right) == 0
    assert sha256(left) == sha256(right)


def test_other_shapes_and_types_differ_in_every_bit():
    left = torch.zeros(4)
    assert (
        differing_bits(left, torch.zeros(2, 2))
        == differing_bits(left, torch.zeros(4).half())
        == bits(left)
        == 128
    )
    assert largest_difference(left, torch.zeros(2, 2)) is None


def test_the_largest_difference():
    assert largest_difference(torch.tensor([1.0, -3.0]), torch.tensor([1.5, -1.0])) == 2.0
    assert largest_difference(torch.tensor([math.nan]), torch.tensor([0.0])) is None
    assert largest_difference(torch.tensor([math.inf]), torch.tensor([0.0])) is None
    assert largest_difference(torch.empty(0), torch.empty(0)) == 0.0


def test_tensors_by_their_places():
    x = torch.zeros(1)
    assert list(flat({"a": x, "b": [x, (x, x)], "c": 3})) == ["a", "b[0]", "b[1][0]", "b[1][1]"]
