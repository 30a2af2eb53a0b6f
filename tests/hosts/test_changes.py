"""Edits that are taken back."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from vla_compose.hosts.changes import Changes
from vla_compose.hosts.errors import AttachError


class Model(nn.Module):
    first: Any
    scale: Any

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.inner = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.ReLU()})
        self.scale = nn.Parameter(torch.ones(2))

    def greet(self):
        return "class", self


def greet(self):
    return "object", self


def test_everything_goes_back():
    model = Model()
    before = dict(model.named_modules()), list(model.state_dict()), model.scale
    changes = Changes()
    changes.swap(model, "inner.a", nn.Identity())
    changes.add(model, "inner.c", nn.Linear(1, 1))
    changes.drop_parameter(model, "scale")
    changes.method(model, greet)
    changes.attribute(model.first, "number", 3)
    changes.hook(model.register_forward_hook(print))
    assert list(model.state_dict()) == ["first.weight", "first.bias", "inner.c.weight", "inner.c.bias"]
    assert model.scale is None
    assert model.greet() == ("object", model)
    twin = copy.deepcopy(model)
    assert twin.greet() == ("object", twin)
    changes.undo()
    assert (dict(model.named_modules()), list(model.state_dict()), model.scale) == before
    assert list(model.inner) == ["a", "b"]
    assert model.greet() == ("class", model)
    assert not model._forward_hooks
    assert not hasattr(model.first, "number")
    changes.undo()


def test_all_or_nothing():
    model = Model()
    changes = Changes()
    changes.swap(model, "first", nn.Identity())
    changes.drop_parameter(model, "scale")
    model.first = nn.ReLU()
    with pytest.raises(AttachError, match="take the later change back first"):
        changes.undo()
    assert model.scale is None
