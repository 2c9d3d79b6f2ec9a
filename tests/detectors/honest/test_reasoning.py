"""Every honest story has its page of reasoning, and the pages speak of rules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detectors.registry import installed
from support.honest import STORIES

PAGES = Path(__file__).parents[3] / "docs" / "honest"
SECTIONS = (
    "## Who they are",
    "## What their lines show",
    "## Which rules they come near, and why those let them go",
    "## What would change the verdict",
)
each_story = pytest.mark.parametrize("story", sorted(STORIES))


def test_there_is_one_page_for_each_story_and_the_index_lists_them() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*STORIES, "README"}
    index = (PAGES / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"\(([a-z0-9-]+)\.md\)", index)) == sorted(STORIES)


@each_story
def test_a_page_says_who_what_why_and_what_would_change_it(story: str) -> None:
    text = (PAGES / f"{story}.md").read_text("utf-8")
    assert [text.count(section) for section in SECTIONS] == [1, 1, 1, 1]


@each_story
def test_a_page_speaks_with_numbers_and_of_rules_that_are_installed(story: str) -> None:
    text = (PAGES / f"{story}.md").read_text("utf-8")
    shown = text.partition(SECTIONS[1])[2].partition(SECTIONS[2])[0]
    assert len(re.findall(r"\d+", shown)) >= 4
    rules = re.findall(r"\]\(\.\./rules/([a-z-]+)\.md\)", text)
    assert rules
    assert [rule for rule in rules if rule not in installed()] == []


@each_story
def test_a_story_is_the_same_for_the_same_seed_and_another_for_another(story: str) -> None:
    def times(seed: int) -> list[int]:
        return [event.time for event in STORIES[story](seed).events]

    assert times(1) == times(1)
    assert times(1) != times(2)
