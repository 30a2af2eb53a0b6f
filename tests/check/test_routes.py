"""Which chains run for each value of a flag."""

from __future__ import annotations

from pathlib import Path

import vla_compose
from vla_compose.check.routes import contracts, routes


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


def test_contracts_name_the_flag_that_they_depend_on(tmp_path: Path) -> None:
    merge = "{from: x, steps: [{spatial_merge: {size: SIZE}}, {linear: {name: p, out: 8}}]}"
    four, six = (merge.replace("SIZE", size) for size in ("4", "6"))
    path = tmp_path / "t.yaml"
    path.write_text(
        "spec_version: 1\nname: t\ndims: {c: 4}\n"
        "inputs: {x: b (s s) c, fine: {flag: false}}\n"
        f"chains:\n  a: {four}\n  e: {six}\n"
        "outputs: {tokens: {from: {flag: fine, then: a, else: e}}}\n"
    )
    assert contracts(vla_compose.compose(path)) == [
        "s is a multiple of 4 (spatial_merge) if fine",
        "s is a multiple of 6 (spatial_merge) if not fine",
    ]
    assert contracts(vla_compose.compose("internvl")) == ["s is a multiple of 2 (spatial_merge)"]


def test_what_a_running_chain_reads_runs(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    linear = "steps: [{linear: {name: p, out: 6}}]"
    path.write_text(
        "spec_version: 1\nname: t\ndims: {c: 4}\n"
        "inputs: {x: b 6 c, bias: 3 c, fine: {flag: false}}\n"
        f"chains:\n  k: {{from: bias, {linear}}}\n  e: {{from: bias, {linear}}}\n"
        "from: x\nsteps:\n  - queries: {name: q, count: 3}\n"
        "  - multihead_attention: {name: m, heads: 2, mask: k}\n"
        "outputs: {tokens: b 3 c, more: {from: {flag: fine, then: k, else: e}}}\n"
    )
    coarse, fine = routes(vla_compose.compose(path))
    assert (coarse.chains, fine.chains) == ({"", "k", "e"}, {"", "k"})
