"""The calculator of every page says what Python says."""

from __future__ import annotations

import random

import pytest

import vla_compose
from vla_compose.report.formula import memory
from vla_compose.site.calculator import Data, calculate, calculator

RUNS = 240

FILL = """([form, values]) => {
  for (const [name, value] of Object.entries(values)) form.querySelector(`[name="${name}"]`).value = value;
  form.dispatchEvent(new Event("input", { bubbles: true }));
  const wrong = form.querySelector(".vc-wrong");
  const parts = [...form.querySelectorAll(".vc-answer dd")];
  const found = parts.map((part) => [part.dataset.name, part.dataset.value]);
  const memory = form.querySelector('dd[data-name="weights"]')?.textContent ?? "";
  return { wrong: wrong.hidden ? "" : wrong.textContent, answers: Object.fromEntries(found), memory };
}"""


def choices(name: str) -> list[Data]:
    found = [calculator(vla_compose.compose(name), "as in the spec")]
    spec = vla_compose.load(name)
    return found + [calculator(vla_compose.compose(spec, variant=v), v) for v in spec.variants]


def inputs(choice: Data, rng: random.Random) -> dict[str, str]:
    """Values for the fields, some of which do not fit."""
    values = {f"size-{name}": str(rng.randint(1, 9)) for name, *_ in choice["free"]}
    if choice["mode"] != "sizes":
        side = rng.choice([rng.randint(1, 300), rng.randint(1, 4000), 14 * rng.randint(1, 100) + 7])
        values |= {"width": str(side), "height": str(rng.choice([side, rng.randint(1, 3000)]))}
    if choice["mode"] == "patches":
        values["patch"] = str(rng.choice([14, 16, 28, rng.randint(1, 64)]))
    if len(choice["routes"]) > 1:
        values["route"] = rng.choice(choice["routes"])["label"]
    return values


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_it_agrees_with_python(visit, name: str) -> None:
    made = visit()
    page = made.open(f"adapters/{name}/")
    form = page.query_selector(".vc-calculator")
    rng = random.Random(name)
    fitting, known = 0, choices(name)
    for _ in range(-(-RUNS // len(vla_compose.list_specs()))):
        choice = rng.choice(known)
        values = inputs(choice, rng)
        image = (int(values["width"]), int(values["height"])) if "width" in values else None
        sizes = {free: int(values[f"size-{free}"]) for free, *_ in choice["free"]}
        route = values.get("route", choice["routes"][0]["label"])
        expected = calculate(choice, route, image=image, patch=int(values.get("patch", 1)), sizes=sizes)
        shown = page.evaluate(FILL, [form, values | ({"choice": choice["label"]} if len(known) > 1 else {})])
        assert shown["wrong"] == expected.wrong, values
        if expected.wrong:
            assert shown["answers"] == {}
            continue
        fitting += 1
        answers = {token: str(count) for token, count in expected.tokens} | {
            "vectors in": str(expected.patches),
            "FLOPs": str(expected.flops),
            "parameters": str(expected.parameters),
            "weights": str(2 * expected.parameters),
            "outputs": str(2 * expected.output_numbers),
        }
        if expected.grid is not None:
            answers["grid"] = f"{expected.grid[0]} {expected.grid[1]}"
        assert shown["answers"] == answers, values
        half, full = memory(2 * expected.parameters), memory(4 * expected.parameters)
        assert shown["memory"] == f"{half} in bf16, {full} in fp32"
    assert fitting
    assert not made.complaints


def test_there_are_two_hundred() -> None:
    count = len(vla_compose.list_specs())
    assert -(-RUNS // count) * count >= 200


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "1e3", "99999999"])
def test_what_is_no_size_is_said(visit, text: str) -> None:
    page = visit().open("adapters/qwen2-vl/")
    field = page.get_by_label("image width")
    field.evaluate("(field, text) => { field.type = 'text'; field.value = text; }", text)
    field.dispatch_event("input")
    shown = page.locator(".vc-wrong")
    assert shown.inner_text() == "image width must be a whole number from 1 to 32,768"
    assert shown.is_visible()
    assert page.locator(".vc-answer dd").count() == 0
