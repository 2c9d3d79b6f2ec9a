"""A reader of French finds no English on an alert's page, but for what is marked as English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import detectors
from console import taking
from console.db.engine import Database
from console.sentences import Sentences
from console.web.words import Words
from detectors.registry import installed
from support.console import BEGIN, Served
from support.plots import alerts_of, statements_of

CORE = Path(detectors.__file__).parent
FRENCH = Sentences(Words("fr", "Europe/Paris"))
#: Words that a French sentence never has and an English one hardly avoids.
ENGLISH = re.compile(
    r"\b(?:the|of|and|with|was|were|are|from|this|that|which|not|they|their|days|calls|numbers|within|last)\b", re.IGNORECASE
)
#: Where detection puts together what speaks for a customer: whole sentences, each said by itself.
LISTS = {"said", "against", "found", "reasons", "notes"}
NAMED = {"against", "not_automatic", "coverage_notes"}
#: Sentences that hold other words of detection, which `7` is not: the traffic of the rules has them.
HOLDERS = {"7 was withdrawn: 7", "on 7 of 7 days 7", "one machine sign only: 7", "this rule is always reviewed for a 7"}
ENDS = {"close", "withdraw", "propose_lift"}


@pytest.mark.parametrize("rule", sorted(installed()))
def test_whatever_a_rule_says_of_its_traffic_has_its_french(rule: str) -> None:
    said = {text for one in statements_of(rule) for text in (one["summary"], *one["against"], *one["coverage"]["notes"])}
    assert said
    assert sorted(text for text in said if (french := FRENCH(text)) is None or ENGLISH.search(french)) == []


def test_whatever_speaks_for_a_customer_has_its_french_also_when_no_traffic_of_ours_makes_it() -> None:
    said = dict(sorted(_sentences()))
    assert len(said) > 80
    assert {text: where for text, where in said.items() if FRENCH(text) is None and text not in HOLDERS} == {}


def test_what_joins_a_takeover_is_said_in_french_too() -> None:
    with_signs = (
        "A new phone got in from a network it never used, after 5 failures from there; with it autodial (breach, 300 attempts/24h, "
        "limit 200), toll-fraud (notice, 6 calls at once, limit 2)."
    )
    assert FRENCH(with_signs) == (
        "Un nouveau poste est entré depuis un réseau que le compte n’a jamais utilisé, après 5 échecs venant de là, avec « Numérotation "
        "automatique » (manquement, 300 tentatives/24 h, limite 200), « Fraude aux appels » (signalement, 6 appels à la fois, limite 2)."
    )
    assert FRENCH("autodial: one machine sign only: numbers dialled in sequence") is not None
    assert FRENCH("autodial was withdrawn: the measure is below the notice limit") is not None


def test_a_sentence_of_another_house_is_shown_as_it_is_and_marked() -> None:
    assert FRENCH("the moon was full") is None
    assert FRENCH.shown("the moon was <full>") == '<span lang="en">the moon was &lt;full&gt;</span>'
    assert Sentences(Words("en", "UTC")).shown("the moon was <full>") == "the moon was &lt;full&gt;"


def test_the_french_page_of_every_rule_has_no_english_that_is_not_marked(served: Served, sqlite: Database) -> None:
    shown = {one["alert_id"]: rule for rule in sorted(installed()) for one in alerts_of(rule)[:2]}
    with sqlite.writing() as session:
        taking.alerts(session, [one for rule in sorted(installed()) for one in alerts_of(rule)[:2]], BEGIN)
    browser = served.person("mina")
    with sqlite.writing() as session:
        session.merge(served.user("mina")).language = "fr"
    found = {}
    for alert_id, rule in shown.items():
        answer = browser.get(f"/alerts/{alert_id}")
        assert answer.status_code == 200
        texts = _Texts()
        texts.feed(answer.text)
        english = [text for text in texts.french if ENGLISH.search(text)]
        if english:
            found[rule] = english
    assert found == {}


@cache
def _constants() -> dict[str, str]:
    """Texts that modules of the core name, by their names."""
    found = {}
    for path in CORE.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant):
                found[node.targets[0].id] = str(node.value.value)
    return found


def _sentences() -> Iterator[tuple[str, str]]:
    """Whole sentences in the core's source, each with a place where it stands; what is put into them is ``7`` or a day."""
    for path in sorted(CORE.rglob("*.py")):
        where = str(path.relative_to(CORE))
        tree = ast.parse(path.read_text("utf-8"))
        # A summary is one sentence of parts, and read whole in the traffic of the rules.
        parts = {
            id(one) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and "summary" in node.name for one in ast.walk(node)
        }
        for node in (node for node in ast.walk(tree) if id(node) not in parts):
            for given in _given(node):
                for text in _texts(given):
                    if len(text.split()) > 3:
                        yield text, where


def _given(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name, of = node.func.attr, node.func.value
        if name == "append" and isinstance(of, ast.Name) and of.id in LISTS and node.args:
            yield node.args[0]
        if name in ENDS and len(node.args) > 1:
            yield node.args[1]
    if isinstance(node, ast.keyword) and node.arg in NAMED:
        yield node.value
    if isinstance(node, ast.FunctionDef) and node.name in ("_refusal", "against", "_against", "over", "window_over"):
        yield from (one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None)


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in _constants():
        yield _constants()[node.id]
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else _filled(part) for part in node.values)  # type: ignore[misc]
    elif isinstance(node, ast.Tuple | ast.List):
        for one in node.elts:
            yield from _texts(one)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _filled(part: ast.expr) -> str:
    assert isinstance(part, ast.FormattedValue)
    inner = part.value
    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "iso":
        return "2026-01-02"
    return "s" if isinstance(inner, ast.BinOp) and isinstance(inner.left, ast.Constant) and inner.left.value == "s" else "7"


class _Texts(HTMLParser):
    """Texts of a page in its own language: without what is marked as English, and without names, code and drawings of letters."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "path", "use", "line", "rect", "circle", "polyline", "polygon"})
    LEFT_OUT = frozenset({"code", "script", "style", "kbd"})

    def __init__(self) -> None:
        super().__init__()
        self.french: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        english = given.get("lang") == "en" or tag in self.LEFT_OUT or (bool(self._open) and self._open[-1])
        if tag not in self.VOID:
            self._open.append(english)
        if not english:
            self.french += [text for name in ("title", "aria-label", "placeholder", "alt") if (text := given.get(name))]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not (self._open and self._open[-1]) and data.strip():
            self.french.append(" ".join(data.split()))
