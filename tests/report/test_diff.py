import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vla_compose.report.diff import unified


def test_no_change_is_no_diff():
    assert unified("a\nb\n", "a\nb\n", "x") == ""


def test_a_change_has_three_lines_around_it():
    old = "".join(f"{at}\n" for at in range(1, 10))
    assert unified(old, old.replace("5", "five"), "x.yaml") == (
        "--- x.yaml\n+++ x.yaml\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    )


def test_a_file_without_a_line_break_at_its_end():
    assert unified("a\nb", "a\nc", "x").endswith(
        "-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    )


def test_another_number_of_lines_is_refused():
    with pytest.raises(ValueError, match="number of lines"):
        unified("a\n", "a\nb\n", "x")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=40),
    st.booleans(),
    st.booleans(),
)
def test_git_applies_it(tmp_path_factory, rows, crlf, ended):
    end = "\r\n" if crlf else "\n"
    old, new = (end.join(char * (1 + changed * at) for char, changed in rows) for at in (0, 1))
    old, new = (text + (end if ended else "") for text in (old, new))
    folder = tmp_path_factory.mktemp("diff")
    (folder / "x.yaml").write_bytes(old.encode())
    diff = unified(old, new, "x.yaml")
    if diff:
        command = ["git", "apply", "-p0", "--whitespace=nowarn", "-"]
        subprocess.run(command, input=diff.encode(), cwd=folder, check=True, timeout=60)
    assert (folder / "x.yaml").read_bytes() == new.encode()
