"""Nothing that a spec or a bug could put into generated source gets to run."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import vla_compose
from vla_compose.lower.allowlist import ForbiddenSource, check_source
from vla_compose.spec.model import Spec
from vla_compose.spec.parse import load_spec
from vla_compose.spec.reader import read_text

FORBIDDEN = [
    "import os",
    "import os.path",
    "import torch as t",
    "import torch, os",
    "from os import system",
    "from . import torch",
    "from torch.utils import cpp_extension",
    "import torch.hub",
    "eval('1')",
    "exec('1')",
    "compile('1', '', 'exec')",
    "open('file')",
    "getattr(torch, 'load')",
    "__import__('os')",
    "x = __builtins__",
    "x = eval",
    "x = [eval][0]('1')",
    "max(['1'], key=eval)",
    "x = torch.__dict__",
    "x = ().__class__.__bases__",
    "torch.nn.__loader__",
    "torch.load('file')",
    "torch.hub.load('repository', 'model')",
    "torch.ops.load_library('file')",
    "torch.os.system('id')",
    "torch.serialization.os.system('id')",
    "torch.nn.modules.module.warnings.sys.exit()",
    "torch.utils.cpp_extension.load('name', [])",
    "nn.modules.module.functools",
    "while True:\n    pass",
    "f = lambda: 0",
    "with torch.no_grad():\n    pass",
    "try:\n    pass\nexcept ValueError:\n    pass",
    "def f():\n    yield 1",
    "def f():\n    global x",
    "async def f():\n    pass",
    "async def f():\n    await g()",
    "del x",
    "assert x",
    "(x := 1)",
    "x += 1",
    "match x:\n    case 1:\n        pass",
    "x = {1, 2}",
    "x = (y for y in z)",
    "x = {y: y for y in z}",
    "x = b'1'",
    "x = 1j",
    "x = ...",
    "print(1)",
    "unknown(1)",
    "@staticmethod\ndef f():\n    pass",
    "@torch.jit.script\nclass A:\n    pass",
    "class A(metaclass=B):\n    pass",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_forbidden(text: str) -> None:
    with pytest.raises(ForbiddenSource, match=r"^line \d+: "):
        check_source(f"import torch\nfrom torch import nn\n\n\n{text}\n")


ALLOWED = [
    "class A(nn.Module):\n    def __init__(self) -> None:\n        super().__init__()",
    "x = self.proj['0'](x)",
    "x = torch.cat([x, y], dim=-1)[:, :-1]",
    "x = nn.functional.gelu(x)",
    "nn.init.normal_(self.weight, std=0.02)",
    "if not torch.compiler.is_compiling():\n    raise ValueError(f'{x.shape}')",
    "for at, tensor in enumerate(tensors):\n    pass",
    "x = x.to(torch.float32)",
    "def forward(self, input, id=None):\n    return input, id",
]


@pytest.mark.parametrize("text", ALLOWED)
def test_allowed(text: str) -> None:
    assert isinstance(check_source(text), ast.Module)


@pytest.mark.parametrize("spec", vla_compose.list_specs())
def test_every_shipped_source_is_allowed(spec: str) -> None:
    for variant in (None, *vla_compose.load(spec).variants):
        check_source(vla_compose.eject(spec, variant=variant))


SUMMARIES = [
    '"""\nimport os\nos.system("id")\n"""',
    "'''; import os; '''",
    "a \" quote, a ' quote and a \\ at the end \\",
    "two\nlines",
    "return\rcarriage",
    "form\x0cfeed and vertical\x0btab",
    "next\x85line",
    "separators\u2028and\u2029more",
    "\u202eright to left",
    "a null \x00 byte",
    "\x1b[31mred\x1b[0m",
    "{x} {self.__class__} %s",
    "coding: utf-7 +AAo-import os",
    "-*- coding: no-such-encoding -*-",
    "vim: set fileencoding=latin-1 :",
    "ünïcödé ☃ 🙂",
    "#" * 500,
    "",
]


def with_summary(summary: str) -> Spec:
    data = yaml.safe_load(vla_compose.load("qwen2-vl").text)
    data["summary"] = summary
    return load_spec(read_text(yaml.safe_dump(data, allow_unicode=False, sort_keys=False)))


@pytest.mark.parametrize("summary", SUMMARIES, ids=ascii)
def test_summary_stays_a_comment(summary: str, tmp_path: Path) -> None:
    plain = vla_compose.eject("qwen2-vl", vision=8, text=8)
    try:
        text = vla_compose.eject(with_summary(summary), vision=8, text=8)
    except vla_compose.SpecError:
        return  # refused when it is read
    assert text.isascii()
    assert text.splitlines()[1:] == plain.splitlines()[1:]
    assert text.split("\n", 1)[0].startswith("# ")
    file = tmp_path / "adapter.py"
    file.write_text(text, encoding="utf-8")
    assert ast.dump(ast.parse(file.read_bytes())) == ast.dump(ast.parse(plain))
    assert type(vla_compose.build(with_summary(summary), vision=8, text=8)).__name__ == "Qwen2Vl"


def test_hostile_file_runs_harmlessly(tmp_path: Path) -> None:
    file = tmp_path / "adapter.py"
    source = vla_compose.eject(with_summary("coding: utf-7 +AAo-raise SystemExit(7)+AAo-"), vision=8, text=8)
    file.write_text(source, encoding="utf-8")
    ran = subprocess.run([sys.executable, "-I", str(file)], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


EDITS = {
    "name of a step": ("name: ln_q", "name: 'ln_q = 1; import os'"),
    "dunder name": ("name: ln_q", "name: __class__"),
    "keyword": ("name: ln_q", "name: lambda"),
    "method of a module": ("name: ln_q", "name: forward"),
    "name of an input": ("  x: (n", "  'x, y=eval': (n"),
    "pattern": ("(n merge merge) vision ", "(n merge merge) __import__('os') "),
    "dim": ("dims: {vision: 1280", "dims: {'vision = 1\nimport os': 1280"),
    "size": ("out: text", "out: 'eval(1)'"),
    "name of the spec": ("name: qwen2-vl", "name: 'a\\nimport os'"),
    "name of the output": ("{tokens: n text}", '{\'tokens"""\': n text}'),
}


@pytest.mark.parametrize("place", EDITS)
def test_no_code_through_other_fields(place: str) -> None:
    old, new = EDITS[place]
    text = vla_compose.load("qwen2-vl").text
    assert old in text
    with pytest.raises(vla_compose.SpecError):
        vla_compose.eject(load_spec(read_text(text.replace(old, new, 1))))
