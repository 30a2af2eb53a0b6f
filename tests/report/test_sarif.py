import copy
import json

import jsonschema
import pytest

import vla_compose
from tests.report.readers import SCHEMA, sarif
from vla_compose.codes import CODES
from vla_compose.diagnostics import Diagnostic, Edit, Label, Span
from vla_compose.explanations import explanation
from vla_compose.report import render

PLACE = Span(3, 7, 9)


def make(message="too wide", span=PLACE, file="specs/a.yaml", code="VC201", **more):
    return Diagnostic(code, CODES.get(code, "plug-in"), message, span, file, **more)


def run_of(*found):
    return sarif(render("sarif", found, {}))


def test_a_result_has_place_labels_and_fix():
    found = make(
        labels=(Label(Span(1, 2, 3), "here"),),
        help="write `text`",
        edit=Edit(Span(3, 7, 9), "text"),
    )
    run = run_of(found)
    location = {"uri": "specs/a.yaml", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 3, "startColumn": 7, "endColumn": 9}
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["results"] == [
        {
            "ruleId": "VC201",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": "too wide\nhelp: write `text`"},
            "locations": [{"physicalLocation": {"artifactLocation": location, "region": region}}],
            "relatedLocations": [
                {
                    "id": 1,
                    "message": {"text": "here"},
                    "physicalLocation": {
                        "artifactLocation": location,
                        "region": {"startLine": 1, "startColumn": 2, "endColumn": 3},
                    },
                }
            ],
            "fixes": [
                {
                    "description": {"text": "write `text`"},
                    "artifactChanges": [
                        {
                            "artifactLocation": location,
                            "replacements": [{"deletedRegion": region, "insertedContent": {"text": "text"}}],
                        }
                    ],
                }
            ],
        }
    ]


def test_rules_are_those_that_occur_with_their_pages():
    run = run_of(make(code="VC305"), make(code="VC201"), make(code="VC305"))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["VC201", "VC305"]
    assert [result["ruleIndex"] for result in run["results"]] == [1, 0, 1]
    assert rules[1]["name"] == "unknown-dim"
    assert rules[1]["help"]["markdown"] == explanation("VC305")
    assert rules[1]["shortDescription"]["text"] in explanation("VC305")
    assert rules[1]["helpUri"] == "https://vla-compose.github.io/errors/VC305/"


@pytest.mark.parametrize("code", [*CODES, "VC901"])
def test_every_code_makes_a_rule(code):
    assert run_of(make(code=code))["tool"]["driver"]["rules"][0]["id"] == code


def test_nothing_found_is_a_run_without_results():
    run = run_of()
    assert run["results"] == run["tool"]["driver"]["rules"] == []
    assert run["tool"]["driver"]["version"] == vla_compose.__version__


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/ä:#?.yaml", "a%20b/%C3%A4%3A%23%3F.yaml"),
        ("./x/../a.yaml", "a.yaml"),
        ("100%.yaml", "100%25.yaml"),
        ("\udcff.yaml", "%FF.yaml"),
        ("\ud800.yaml", "%ED%A0%80.yaml"),
    ],
)
def test_files_are_relative_uris(file, uri):
    place = run_of(make(file=file))["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_absolute_paths_become_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = run_of(make(file=str(tmp_path / "b" / "c.yaml")))["results"][0]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "b/c.yaml"


@pytest.mark.parametrize(("file", "uri"), [(None, "%3Cspec%3E"), ("<stdin>", "%3Cstdin%3E")])
def test_what_is_no_file_has_no_base(file, uri):
    place = run_of(make(file=file))["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": uri}


def test_a_span_that_is_not_known_is_left_out():
    place = run_of(make(span=None))["results"][0]["locations"][0]["physicalLocation"]
    assert "region" not in place


def test_messages_hold_no_placeholder_and_no_link():
    message = run_of(make("{0} and {size: 2}", help="see [this](http://x) or [1, 2]"))["results"][0][
        "message"
    ]
    assert message["text"] == "{{0}} and {size: 2}\nhelp: see \\[this](http://x) or [1, 2]"


def test_control_characters_are_escapes_in_messages():
    text = render("sarif", [make("\x1b[31m\u202e\x85 日")], {})
    assert sarif(text)["results"][0]["message"]["text"] == r"\x1b[31m\u202e\x85 日"
    assert text.isascii()


def test_the_same_mistakes_give_the_same_text_whatever_their_order():
    found = [make(file="b.yaml"), make(file="a.yaml", span=Span(9, 1, 2)), make(file="a.yaml")]
    assert render("sarif", found, {}) == render("sarif", found[::-1], {})


def test_it_holds_all():
    assert len(run_of(*[make()] * 57)["results"]) == 57


def test_the_schema_would_find_a_mistake():
    schema = json.loads(SCHEMA.read_text())
    good = json.loads(render("sarif", [make()], {}))
    for change in (
        lambda log: log.update(version="2.2.0"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0].update(columnKind="bytes"),
        lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(line=1),
    ):
        bad = copy.deepcopy(good)
        change(bad)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft4Validator(schema).validate(bad)
