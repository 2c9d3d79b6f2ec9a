"""Every rule explains itself: the pages of ``docs/rules/`` are current, and none lacks what a reader is owed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from streams import rule_docs
from streams.rule_pages import RulePage, collect, gaps, sources_of
from vigie.cli import app

ROOT = Path(__file__).parents[1]
POLICY = (ROOT / "policies" / "default.toml").read_text("utf-8")
PAGES = {page.rule: page for page in collect(POLICY)}
each_page = pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.rule)


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


@each_page
def test_a_rule_owes_its_readers_nothing(page: RulePage) -> None:
    assert gaps(page) == []


@each_page
def test_each_vector_is_a_test_of_the_file_that_the_page_names(page: RulePage) -> None:
    assert page.vector_file
    there = functions(ROOT / page.vector_file)
    assert [vector.test for vector in page.vectors if vector.test not in there] == []


@each_page
def test_each_rule_is_judged_end_to_end_by_one_positive_and_two_negative_tests_at_least(page: RulePage) -> None:
    path = ROOT / "tests" / "clauses" / f"test_{page.rule.replace('-', '_')}.py"
    assert len([name for name in functions(path) if name.startswith("test_")]) >= 3


@each_page
def test_no_bullet_of_the_vectors_is_lost_on_its_way_to_the_page(page: RulePage) -> None:
    source = (ROOT / "detectors" / "rules" / f"{page.rule.replace('-', '_')}.py").read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    assert len(page.vectors) == docstring.count("\n* caught: ") + docstring.count("\n* let go: ")


def test_the_pages_on_disk_are_those_of_the_rules() -> None:
    assert rule_docs.differences(ROOT / "docs" / "rules", list(PAGES.values())) == [], "run: vigie rules docs"


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "rules" / rule_docs.INDEX).read_text("utf-8")
    assert [rule for rule in PAGES if f"({rule}.md)" not in index] == []


@pytest.mark.parametrize(
    ("without", "word"),
    [
        ({"clause": ""}, "clause"),
        ({"unit": ""}, "unit"),
        ({"sections": ()}, "What it cannot see"),
        ({"vectors": ()}, "0 vectors that are let go"),
        ({"example": ""}, "example"),
        ({"keys": tuple(replace(key, source="") for key in PAGES["autodial"].keys)}, "no source for short_s"),
        ({"facts": tuple(replace(facts, text="") for facts in PAGES["autodial"].facts)}, "no docstring"),
    ],
)
def test_what_a_rule_lacks_is_named(without: dict[str, object], word: str) -> None:
    assert any(word in gap for gap in gaps(replace(PAGES["autodial"], **without)))


def test_a_vector_is_read_with_its_outcome_its_sentence_and_its_test() -> None:
    first = PAGES["autodial"].vectors[0]
    assert first.caught
    assert first.sentence.startswith("one call every 20 s, 15 % answered")
    assert first.test == "test_a_call_every_20_s_is_noticed_within_30_minutes_and_a_breach_by_its_200th_attempt"
    assert {vector.caught for vector in PAGES["autodial"].vectors} == {True, False}


def test_a_source_is_the_comment_beside_its_key_and_a_hash_in_a_text_is_none() -> None:
    text = '[general]\nsalt = "x" # not a rule\n[rules.abroad-stay]\na = "red # blue"  # ours\nb = [  # a list\n    "c",\n]\nd = 5\n'
    assert sources_of(text) == {"abroad-stay": {"a": "ours", "b": "a list"}}


def test_a_page_shows_text_sources_vectors_example_and_facts_of_its_rule() -> None:
    text = rule_docs.markdown(PAGES["abroad-stay"])
    for words in (
        "| article | 5.d |", "| softphone | may act by itself |", "| desk phone | a person decides |", "| trunk | not judged |",
        "## What it cannot see", "| `breach_days` | `61` | contract 5.d: more than 60 days |", "```pycon\n>>> from detectors",
        "`test_overseas_france_is_home`", "| `crossing` | `str` | the day on which the limit was crossed. |",
    ):  # fmt: skip
        assert words in text


def test_stale_and_foreign_pages_are_named_and_then_put_right(tmp_path: Path) -> None:
    command = ["rules", "docs", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert CliRunner().invoke(app, [*command, "--check"]).exit_code == 0
    (tmp_path / "autodial.md").write_text("old")
    (tmp_path / "no-rule.md").write_text("left behind")
    told = CliRunner().invoke(app, [*command, "--check"])
    assert told.exit_code == 1
    assert "autodial.md differs" in told.output
    assert "no-rule.md differs" in told.output
    assert CliRunner().invoke(app, command).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(f"{rule}.md" for rule in PAGES), rule_docs.INDEX])


def test_the_list_shows_every_rule() -> None:
    told = CliRunner().invoke(app, ["rules", "list"], env={"COLUMNS": "200"})
    assert told.exit_code == 0
    assert [rule for rule in PAGES if rule not in told.output] == []
