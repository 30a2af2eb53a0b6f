"""Pages, pictures and calculators of random valid specs."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import pytest

import vla_compose
from tests.check.random_specs import spec_text
from vla_compose.diff import difference
from vla_compose.site.adapter import Adapter, adapter, page
from vla_compose.site.calculator import calculate, calculator
from vla_compose.site.gallery import comparison, gallery
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text


@pytest.fixture(scope="module")
def shown() -> list[Adapter]:
    texts = [text for seed in range(120) if not vla_compose.check(text := spec_text(seed))]
    return [adapter(load_spec(read_text(text))) for text in texts]


def test_pages_are_made(shown: list[Adapter]) -> None:
    assert len(shown) > 12
    texts = [page(one, shown[:3], "{}") for one in shown] + [gallery(shown), comparison(shown)]
    pictures = [svg for text in texts for svg in re.findall(r"<svg.*?</svg>", text)]
    assert len(pictures) == 3 * len(shown)
    for svg in pictures:
        ElementTree.fromstring(svg)
    assert all(difference(one.graph, one.graph) == [] for one in shown)


def test_calculators_answer(shown: list[Adapter]) -> None:
    rng = random.Random(0)
    answered = 0
    for one in shown:
        found = calculator(one.graph, "x")
        for route in found["routes"]:
            image = (rng.randint(1, 900), rng.randint(1, 900))
            answer = calculate(found, route["label"], image=image, patch=14)
            assert answer.wrong or answer.parameters == one.graph.parameters()
            answered += not answer.wrong
    assert answered > 6
