import time

from vla_compose.weights.similar import similar

MANY = [f"model.layers.{at}.mlp.{part}.weight" for at in range(70_000) for part in ("up", "gate", "down")]


def test_a_slip_is_found_among_very_many():
    known = [*MANY, "model.visual.merger.mlp.0.wieght", "visual.merger.ln_q.weight", *MANY[::-1]]
    wanted = ["model.visual.merger.mlp.0.weight", "model.visual.merger.ln_q.weight", "x"]
    start = time.process_time()
    assert similar(wanted, known) == {
        "model.visual.merger.mlp.0.weight": "model.visual.merger.mlp.0.wieght",
        "model.visual.merger.ln_q.weight": "visual.merger.ln_q.weight",
    }
    assert time.process_time() - start < 10


def test_nothing_to_compare():
    assert similar([], ["a"]) == {}
    assert similar(["a"], []) == {}
