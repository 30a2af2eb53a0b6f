"""Which chains run for each value of a flag."""

from __future__ import annotations

import vla_compose
from vla_compose.check.routes import routes


def test_without_a_flag_all_chains_run() -> None:
    (only,) = routes(vla_compose.compose("qwen3-vl"))
    assert (only.label, only.default, only.sizes) == ("", True, {})
    assert only.chains == {"merger", "deepstack_merger_list"}


def test_a_flag_chooses_chains_and_sizes() -> None:
    coarse, fine = routes(vla_compose.compose("granite-docling"))
    assert (coarse.label, coarse.default, fine.label, fine.default) == ("not fine", True, "fine", False)
    assert coarse.chains == {"", "head", "coarse", "coarse.deepstack_mergers"}
    assert fine.chains == {"", "head", "fine", "fine.deepstack_mergers"}
    assert {name: str(size) for name, size in coarse.sizes.items()} == {"fine_size": "8"}
    assert {name: str(size) for name, size in fine.sizes.items()} == {"fine_size": "16"}


def test_sizes_follow_the_dims() -> None:
    coarse, fine = routes(vla_compose.compose("granite-docling", side=16, scale=2))
    assert [str(route.sizes["fine_size"]) for route in (coarse, fine)] == ["8", "16"]
