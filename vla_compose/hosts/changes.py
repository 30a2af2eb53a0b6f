"""Edits of a model that can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from vla_compose.hosts.errors import AttachError


class Changes:
    """A list of edits, each with the way back. Undone in reverse order, all of them or none."""

    def __init__(self) -> None:
        self._checks: list[Callable[[], bool]] = []
        self._back: list[Callable[[], None]] = []

    def swap(self, root: nn.Module, path: str, new: nn.Module) -> None:
        """Put a module in the place of another one."""
        parent, name = _at(root, path)
        old = parent._modules[name]
        parent._modules[name] = new
        self._checks.append(lambda: parent._modules.get(name) is new)
        self._back.append(lambda: parent._modules.__setitem__(name, old))

    def add(self, root: nn.Module, path: str, new: nn.Module) -> None:
        """Give a module one more child."""
        parent, name = _at(root, path)
        parent.add_module(name, new)
        self._checks.append(lambda: parent._modules.get(name) is new)
        self._back.append(lambda: parent._modules.__delitem__(name))

    def drop_parameter(self, root: nn.Module, path: str) -> None:
        """Leave `None` where a parameter was."""
        parent, name = _at(root, path)
        old = parent._parameters[name]
        parent._parameters[name] = None
        self._checks.append(lambda: parent._parameters.get(name, old) is None)
        self._back.append(lambda: parent._parameters.__setitem__(name, old))

    def method(self, module: nn.Module, function: Callable[..., Any]) -> None:
        """Let a function of the same name stand for a method, on this object alone.

        A partial and no closure, so that a deep copy of the model, or one from a pickle, calls its own.
        """
        name = function.__name__
        module.__dict__[name] = partial(function, module)
        self._back.append(lambda: module.__dict__.pop(name, None))

    def attribute(self, module: nn.Module, name: str, value: object) -> None:
        """Give a module one more plain attribute."""
        module.__dict__[name] = value
        self._back.append(lambda: module.__dict__.pop(name, None))

    def hook(self, handle: RemovableHandle) -> None:
        """Remove a hook again."""
        self._back.append(handle.remove)

    def undo(self) -> None:
        """Take every edit back.

        Raises:
            AttachError: something else stands by now where an edit put a module.
        """
        if not all(check() for check in self._checks):
            raise AttachError(
                "the model was changed after this adapter was attached: take the later change back first"
            )
        while self._back:
            self._back.pop()()
        self._checks.clear()


def _at(root: nn.Module, path: str) -> tuple[nn.Module, str]:
    parent, _, name = path.rpartition(".")
    return root.get_submodule(parent), name
