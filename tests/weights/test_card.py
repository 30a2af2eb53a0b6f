"""The model card: what it says, and that no text of a spec can say more."""

from __future__ import annotations

import html
import re
from pathlib import Path

import markdown  # type: ignore[import-untyped]
import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

import vla_compose
from vla_compose.weights.card import escaped, is_untouched, model_card

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://example.com/x.png)",
    "a | b | c",
    "`code` and **bold** and _it_ and __x__ and ~~y~~",
    "# heading",
    "1. one",
    "- item",
    "> quote",
    "--- ",
    '--8<-- "/etc/passwd"',
    "{{ config }} {% include 'x' %}",
    "text {: onclick=alert(1) }",
    '<div markdown="1">**x**</div>',
    "&lt;b&gt; &amp; &#60;b&#62;",
    "<!-- vla_compose 00 -->",
    "https://example.com www.example.com mail@example.com",
    "$x$ \\(y\\) \\",
    "Term\n: definition",
    "```\nfence",
    "<https://example.com>",
    "[^1] *[abbr]: x",
    ":smile: ==mark== ^^ins^^ H~2~O",
]
SPEC = """\
spec_version: 1
name: hostile
summary: {summary}
sources: {{paper: "https://example.com/a)b|c`d*e"}}
dims: {{vision: 8, text: 4}}
inputs: {{x: b n vision}}
steps:
  - linear: {{name: fc, out: text}}
"""


def graph(tmp_path: Path, summary: str):
    path = tmp_path / "hostile.yaml"
    path.write_text(SPEC.format(summary=yaml.safe_dump(summary, width=10**6).split("\n...")[0].rstrip("\n")))
    return vla_compose.compose(path)


def renderings(text: str) -> list[str]:
    """As the Hub shows it (CommonMark with tables and HTML), and as MkDocs does."""
    extensions = ["tables", "attr_list", "md_in_html", "def_list", "abbr", "footnotes", "admonition", "toc"]
    return [
        MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(text),
        markdown.markdown(text, extensions=extensions),
    ]


def words(text: str) -> str:
    return "".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_of_a_spec_is_text(payload: str) -> None:
    for shown in renderings(f"before\n\n{escaped(payload)}\n\nafter"):
        assert re.sub(r"\s+", "", shown).count("<p>") == 3
        assert set(re.findall(r"</?(\w+)", shown)) == {"p"}
        assert words(shown) == "before" + "".join(payload.split()) + "after"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_card_has_the_same_structure_whatever_the_spec_says(tmp_path: Path, payload: str) -> None:
    def tags(text: str) -> list[list[str]]:
        return [re.findall(r"</?\w+(?: (?:src|on\w+|style|class)=)?", shown) for shown in renderings(text)]

    plain = model_card(graph(tmp_path, "plain words"), "float32", "x/y", {})
    card = model_card(graph(tmp_path, payload), "float32", "x/y", {})
    assert tags(card) == tags(plain)
    assert is_untouched(card)


def test_links_hold_only_the_address(tmp_path: Path) -> None:
    card = model_card(graph(tmp_path, "s"), "float32", "x/y", {})
    shown = renderings(card)[0]
    assert re.findall(r'href="([^"]*)"', shown) == ["spec.yaml", "https://example.com/a)b%7Cc%60d*e"]


@pytest.mark.parametrize("name", vla_compose.list_specs())
def test_shipped_specs(name: str) -> None:
    graph = vla_compose.compose(name)
    text = model_card(graph, "bfloat16", "me/mine", {})
    card = ModelCard(text)
    assert card.data.to_dict() == {
        "library_name": "vla-compose",
        "tags": ["vla-compose", "vision-language-adapter"],
    }
    shown = renderings(card.text)[0]
    assert words(f"<p>{graph.spec.summary}</p>") in words(shown)
    assert shown.count("<table>") == sum(1 for _ in graph.chains) + 2
    for checked in graph.chains:
        for node in checked.nodes:
            assert words(str(node.after)) in words(shown)
    for output, edge in graph.outputs:
        assert f"<code>{output.name}</code>" in shown
        assert words(str(edge.type)) in words(shown)
    assert f"{graph.parameters():,}" in shown
    assert all(f"<code>{dim}</code> = {value}" in shown for dim, value in graph.values.items())
    assert 'from_pretrained("me/mine")' in text
    for link in (graph.spec.sources.paper, graph.spec.sources.code):
        assert link is None or f'<a href="{link}">' in shown
    # No cell was split in two.
    for line in text.splitlines():
        if line.startswith("|---"):
            columns = line.count("|")
        elif line.startswith("| "):
            assert line.replace("\\|", "").count("|") in (3, 4, 5)
    assert columns


def test_front_matter_takes_what_the_hub_knows() -> None:
    more = {
        "license": "apache-2.0",
        "base_model": "Qwen/Qwen2-VL-2B",
        "tags": ["mine", "vla-compose"],
        "x": "y: z",
    }
    card = ModelCard(model_card(vla_compose.compose("qwen2-vl"), "bfloat16", "me/mine", more))
    assert card.data.get("license") == "apache-2.0"
    assert card.data.get("base_model") == "Qwen/Qwen2-VL-2B"
    assert card.data.get("tags") == ["vla-compose", "vision-language-adapter", "mine"]
    assert card.data.to_dict()["x"] == "y: z"
    one = ModelCard(model_card(vla_compose.compose("qwen2-vl"), "bfloat16", "me/mine", {"tags": "solo"}))
    assert one.data.get("tags")[-1] == "solo"


def test_front_matter_is_plain_yaml(tmp_path: Path) -> None:
    module = vla_compose.build("qwen2-vl", vision=8, text=12)
    with pytest.raises(TypeError, match="`model_card_kwargs` must be text, numbers, lists or mappings"):
        vla_compose.save_pretrained(module, tmp_path / "x", model_card_kwargs={"extra": object()})
    assert not (tmp_path / "x").exists()


def test_an_edited_card_is_told_from_one_that_was_not() -> None:
    card = model_card(vla_compose.compose("qwen2-vl"), "bfloat16", "me/mine", {})
    assert is_untouched(card)
    assert not is_untouched(card.replace("# qwen2-vl", "# Mine"))
    assert not is_untouched(f"{card}\nmore\n")
    assert not is_untouched("# mine\n")
    assert not is_untouched("")


def test_the_name_of_a_repository_stays_a_string() -> None:
    name = '") or print("x")\n```\n# heading'
    card = model_card(vla_compose.compose("qwen2-vl"), "bfloat16", name, {})
    code = card.split("```python\n")[1].split("\n```")[0]
    assert code.splitlines()[-1].startswith("adapter = ")
    compile(code, "card", "exec")
    assert code.count("\n") == 2
