"""Both languages say the same things."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from console.texts import LANGUAGES, TextError, Texts, catalogue
from detectors.registry import installed

CONSOLE = Path(__file__).parents[2] / "console"


def fields(text: object) -> set[str]:
    parts = text.values() if isinstance(text, dict) else [text]
    return {name for part in parts for _, name, _, _ in Formatter().parse(str(part)) if name}


def test_both_languages_have_the_same_keys() -> None:
    assert sorted(catalogue("fr")) == sorted(catalogue("en"))


def test_each_text_takes_the_same_values_in_both_languages() -> None:
    french, english = catalogue("fr"), catalogue("en")
    assert {key: fields(text) ^ fields(english[key]) for key, text in french.items() if fields(text) != fields(english[key])} == {}


def test_every_key_that_a_template_names_exists() -> None:
    named = {
        (path.name, key)
        for path in sorted((CONSOLE / "web" / "templates").rglob("*.html"))
        for key in re.findall(r"""\bt\(["']([a-z0-9_.-]+)["'][,)]""", path.read_text("utf-8"))
    }
    assert named
    assert sorted((file, key) for file, key in named if key not in catalogue("en")) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_a_name(language: str) -> None:
    assert [rule for rule in installed() if not Texts(language).has(f"rules.{rule}")] == []


def test_a_key_that_no_file_has_says_where_to_add_it() -> None:
    with pytest.raises(TextError, match=r"texts/fr/queue\.toml"):
        Texts("fr")("queue.none_such")
