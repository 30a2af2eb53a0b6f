import json

import pytest

import vla_compose
from vla_compose.catalog import folder

BAD = ("out: text", "out: txt")


def test_every_shipped_spec_is_valid(run):
    assert run("validate", folder()) == (0, f"{len(vla_compose.list_specs())} specs are valid\n", "")


def test_one_spec_is_one(run, spec):
    assert run("validate", spec()).out == "1 spec is valid\n"
    assert run("validate", "qwen2-vl").out == "1 spec is valid\n"


def test_folders_are_searched_sorted_and_without_hidden_files(run, spec):
    for name in ("b/z.yaml", "b/a.yml", "a.yaml", ".hidden.yaml", ".git/x.yaml", "b/notes.txt"):
        spec(name, BAD)
    code, out, err = run("validate", ".", "--output-format", "concise")
    assert (code, err) == (1, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["./a.yaml", "./b/a.yml", "./b/z.yaml"]


def test_a_folder_without_specs_is_a_wrong_command_line(run, tmp_path):
    code, out, err = run("validate", tmp_path)
    assert (code, out) == (2, "")
    assert "there is no *.yaml or *.yml file in" in err


def test_all_mistakes_of_all_files_in_one_run(run, spec):
    first = spec("one.yaml", BAD, ("steps:", "steps:\n  - norm: {name: ln, kind: layr}"))
    second = spec("two.yaml", ("name: proj", "nam: proj"))
    code, out, _ = run("validate", first, second, "missing.yaml", "qwen2-vl")
    assert code == 1
    assert out.endswith("\n4 mistakes in 3 of 4 specs\n")
    for text in (
        "one.yaml:7:28",
        "one.yaml:8:31",
        "two.yaml:7:14",
        "missing.yaml:1:1",
        "  - norm: {name: ln, kind: layr}",
    ):
        assert text in out


def test_a_file_named_twice_is_read_once(run, spec):
    path = spec("one.yaml", BAD)
    assert run("validate", path, path).out.count("error[") == 1


def test_text_concise_and_json_find_the_same(run, spec):
    path = spec("one.yaml", BAD)
    text, concise, data = (run("validate", path, "--output-format", f) for f in ("text", "concise", "json"))
    assert text.code == concise.code == data.code == 1
    assert text.err == concise.err == data.err == ""
    (found,) = json.loads(data.out)["diagnostics"]
    assert found["code"] == "VC305"
    assert concise.out == f"{path}:7:31: VC305 {found['message']} [fix: {found['help']}]\n"
    assert "error[VC305]" in text.out
    assert text.out.endswith("\n1 mistake in 1 spec\n")


def test_json_of_valid_specs_is_json(run):
    code, out, _ = run("validate", "qwen2-vl", "--output-format", "json")
    assert code == 0
    assert json.loads(out)["diagnostics"] == []


def test_standard_input(run, spec):
    good, bad = spec().read_bytes(), spec("bad.yaml", BAD).read_bytes()
    assert run("validate", "-", stdin=good) == (0, "1 spec is valid\n", "")
    code, out, _ = run("validate", "-", stdin=bad)
    assert code == 1
    assert "--> <stdin>:7:31" in out
    assert " 7 |   - linear: {name: proj, out: txt}" in out


def test_mistakes_of_a_variant_are_found(run, spec):
    path = spec("mine.yaml", ("steps:", "variants: {huge: {text: 2 - 2}}\nsteps:"))
    code, out, _ = run("validate", path)
    assert code == 1
    assert "in variant `huge`" in out


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"name: \xe9\n", b"a: \x1b[31m\n", b"", b"\x80\x04."])
def test_hostile_files_are_findings_and_never_reach_the_terminal_raw(run, tmp_path, data):
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    for format in ("text", "concise", "json"):
        code, out, err = run("validate", path, "--output-format", format)
        assert (code, err) == (1, "")
        assert all(char == "\n" or char.isprintable() for char in out)


def test_the_place_in_a_file_that_is_not_utf8(run, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes("a: 1\nb: caf\xe9 x\n".encode("latin-1"))
    lines = run("validate", path).out.splitlines()
    assert lines[3] == " 2 | b: caf\ufffd x"
    assert lines[4] == "   |       ^"


def test_the_excerpt_after_a_byte_order_mark(run, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: [\n")
    lines = run("validate", path).out.splitlines()
    assert lines[3] == " 1 | name: ["


def test_names_with_controls_are_escaped(run, tmp_path):
    path = tmp_path / "a\x1b[31m\nb.yaml"
    path.write_text("nonsense: 1\n")
    assert "\x1b" not in run("validate", path).out
    assert "\x1b" not in run("validate", tmp_path / "no\x1b.yaml").out
