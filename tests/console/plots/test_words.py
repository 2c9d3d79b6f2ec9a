"""Both languages say the same things."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from console.plots import words
from console.plots.words import LANGUAGES, Words
from support.plots import alerts_of

FILES = {lang: tomllib.loads(Path(words.__file__).with_name(f"{lang}.toml").read_text("utf-8")) for lang in LANGUAGES}


def leaves(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= leaves(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return found


def test_both_languages_have_the_same_keys_with_the_same_places() -> None:
    english, french = ({key: value for key, value in leaves(FILES[lang]).items() if not key.startswith("facts.")} for lang in ("en", "fr"))
    assert english.keys() == french.keys()
    for key, value in english.items():
        assert sorted(re.findall(r"\{\w+\}", str(value))) == sorted(re.findall(r"\{\w+\}", str(french[key]))), key


def test_every_title_has_its_description() -> None:
    assert all(FILES[lang]["title"].keys() == FILES[lang]["about"].keys() for lang in LANGUAGES)


@pytest.mark.parametrize("rule", ["autodial", "call-centre", "gateway", "mass-fax", "mass-messaging"])
def test_each_sign_and_unit_of_a_rule_has_its_french_words(rule: str) -> None:
    known = FILES["fr"]["facts"]
    signs = [sign for alert in alerts_of(rule) for sign in alert["facts"]["signs"]]
    assert signs
    for sign in signs:
        for text in (sign["name"], sign["unit"]):
            assert re.sub(r"\d+", "#", text) in known or text in ("‰", "thousandths"), text


def test_an_unknown_language_is_read_as_english() -> None:
    assert Words("de")("day") == "Day"
