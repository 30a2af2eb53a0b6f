"""The other commands, one test or a few each."""

import json
import sys

import pytest

import vla_compose
from vla_compose.codes import CODES
from vla_compose.explanations import explanation
from vla_compose.primitives import REGISTRY
from vla_compose.report.table import render
from vla_compose.spec.schema import json_schema


def test_list_has_a_line_for_every_spec(run):
    code, out, err = run("list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["name", "variants", "parameters", "summary"]
    assert [line.split()[0] for line in lines[1:]] == vla_compose.list_specs()
    line = next(line for line in lines if line.startswith("  qwen2-vl "))
    assert "2b, 7b, 72b" in line
    assert " 34,087,936 " in line
    assert line.endswith("mapped to one token.")


def test_show_puts_in_variant_and_dims(run):
    out = run("show", "qwen3-vl", "--variant", "32b", "--dim", "merge=3", "--dim", "text=7").out
    assert out.startswith("qwen3-vl (32b)\n")
    assert "vision 1152, text 7, merge 3, deepstack 3" in out
    graph = vla_compose.compose("qwen3-vl", variant="32b", merge=3, text=7)
    assert f"{graph.parameters():,}" in out
    assert "9*n -> n" in out


def test_show_of_a_file_is_show_of_its_spec(run, spec):
    from vla_compose.report.table import describe

    path = spec()
    assert run("show", path) == (0, render(describe(vla_compose.compose(path))), "")
    assert run("show", "-", stdin=path.read_bytes()).out == run("show", path).out


def test_eject_prints_the_source(run):
    assert run("eject", "qwen2-vl", "--variant", "7b") == (0, vla_compose.eject("qwen2-vl", variant="7b"), "")


def test_eject_writes_a_file_once(run, tmp_path):
    path = tmp_path / "adapter.py"
    assert run("eject", "qwen2-vl", "-o", path).code == 0
    assert path.read_text() == vla_compose.eject("qwen2-vl")
    code, out, err = run("eject", "qwen2.5-vl", "-o", path)
    assert (code, out) == (2, "")
    assert "is there already: add `--force`" in err
    assert path.read_text() == vla_compose.eject("qwen2-vl")
    assert run("eject", "qwen2.5-vl", "-o", path, "--force").code == 0
    assert path.read_text() == vla_compose.eject("qwen2.5-vl")
    assert list(tmp_path.iterdir()) == [path]


def test_a_spec_with_mistakes_writes_nothing(run, spec, tmp_path):
    bad = spec("bad.yaml", ("out: text", "out: txt"))
    assert run("eject", bad, "-o", tmp_path / "adapter.py").code == 1
    assert list(tmp_path.iterdir()) == [bad]


def test_schema_is_json(run, tmp_path):
    assert json.loads(run("schema").out) == json_schema()
    assert run("schema", "-o", tmp_path / "v1.json").code == 0
    assert json.loads((tmp_path / "v1.json").read_text()) == json_schema()


@pytest.mark.parametrize("code", CODES)
def test_explain_a_code(run, code):
    assert run("explain", code) == (0, explanation(code), "")
    assert run("explain", code.lower()).out == explanation(code)
    assert run("explain", CODES[code]).out == explanation(code)


@pytest.mark.parametrize("kind", REGISTRY)
def test_explain_a_primitive_with_every_field(run, kind):
    code, out, err = run("explain", kind)
    assert (code, err) == (0, "")
    assert out.startswith(f"# {kind}\n\n{REGISTRY[kind].page()}\n")
    fields = [
        line.split("`")[1] for line in out.splitlines() if line.startswith("| `") and line.count("|") >= 5
    ]
    names = [field.alias or name for name, field in REGISTRY[kind].model_fields.items()]
    assert set(names) <= set(fields)


def test_explain_suggests(run):
    assert "did you mean `norm`?" in run("explain", "nrm").err
    assert "did you mean `token-order`?" in run("explain", "token-ordr").err


@pytest.mark.parametrize("origin", vla_compose.list_specs())
def test_new_is_valid_as_written(run, tmp_path, monkeypatch, origin):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("new", "my-adapter", "--from", origin)
    assert (code, out) == (0, "")
    assert err == "wrote my-adapter.yaml\nlook at it with `vla-compose show my-adapter.yaml`\n"
    spec = vla_compose.load("my-adapter.yaml")
    assert spec.name == "my-adapter"
    original = vla_compose.load(origin).text.splitlines()
    new = spec.text.splitlines()
    assert new[0] == original[0]
    assert new[1].startswith(f"# Started from `{origin}`")
    assert [line for line in new if line not in original] == [new[1], "name: my-adapter"]
    assert vla_compose.compose("my-adapter.yaml").entries() == vla_compose.compose(origin).entries()


def test_new_prints_and_keeps_comments_after_the_name(run, spec):
    path = spec("mine.yaml", ("name: mine", "name: 'mine'   # a comment"))
    out = run("new", "yours", "--from", path, "-o", "-").out
    assert "name: yours   # a comment\n" in out
    assert out.startswith("# Started from `")


@pytest.mark.parametrize(
    "name", ["My", "a b", "../x", "x: 1", "1e3", "yes", "", "a\nb", "x\nsummary: hi", "-o-", "a" * 80]
)
def test_new_refuses_what_is_no_name(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("new", "--from", "qwen2-vl", "--", name)
    assert (code, out) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_new_does_not_overwrite(run, spec):
    path = spec("mine.yaml")
    before = path.read_text()
    assert run("new", "mine", "--from", "qwen2-vl").code == 2
    assert path.read_text() == before


def test_build_without_torch_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = run("build", "qwen2-vl")
    assert (code, out) == (2, "")
    assert err == "error: building needs PyTorch: run `pip install 'vla-compose[torch]'`\n"
