"""Sentences of alerts in the reader's language.

Detection says them in English, with the numbers in them; statements are kept as they were said. ``texts/sentences_fr.toml`` has for
each English sentence its French one, with places for what differs: so a case of last year reads as one of today does, and a rule of a
package of its own is shown as it speaks, marked as English.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

from console.plots.words import Words as PlotWords
from console.web.words import WIDE, Words

FILE = Path(__file__).parent / "texts" / "sentences_fr.toml"
#: What may stand in a place of each kind.
KINDS = {"n": r"[\d•,]+(?:\.\d+)?(?: [%€])?", "d": r"\d{4}-\d\d-\d\d", "m": r"\d{4}-\d\d", "r": r"[a-z]+(?:-[a-z]+)*", "t": r"[^\d;]+"}
_PLACE = re.compile(r"\{(\w+)(?::(\w))?\}|\[|\]")
_FILLED = re.compile(r"\{(\w+)(?:\?([^}|]*)(?:\|([^}]*))?)?\}")
_OPTIONAL = re.compile(r"\[([^\]]*)\]")
#: Commas between the entries of a list, not those within brackets.
_COMMA = re.compile(r", (?![^(]*\))")


@dataclass(frozen=True)
class _Pattern:
    """An English sentence with places, and its other language."""

    match: re.Pattern[str]
    kinds: Mapping[str, str]
    other: str


class Sentences:
    """What detection says, for a reader.

    >>> say = Sentences(Words("fr", "Europe/Paris"))
    >>> say("3 of the last 20 working days show outgoing call-centre use (limit 3); on 2026-01-07: calls a day 90 (limit 75).")
    '3 des 20 derniers jours ouvrés montrent un usage sortant de centre d’appels (limite 3) ; le 7 janv. 2026 : appels par jour : 90 (limite 75).'
    >>> say("a rule of another house said this") is None
    True
    """  # noqa: E501 - a sentence and its French are shown whole

    def __init__(self, words: Words) -> None:
        self._words = words
        self._facts = PlotWords(words.language)
        self._write: dict[str, Callable[[str], str | None]] = {
            "": str, "n": self._number, "d": self._day, "m": self._month, "r": self._rule, "u": words.unit, "w": self._word,
            "t": self._word, "l": self._list, "y": self._reasons, "a": self._names, "x": self._other,
        }  # fmt: skip

    def __call__(self, text: str) -> str | None:
        """A sentence in the reader's language; ``None`` when it is known in English alone."""
        if self._words.language == "en":
            return text
        return self._filled(text, "sentences")

    def shown(self, text: str) -> Markup:
        """A sentence for a page; one that is known in English alone is marked as such, for those who hear the page (WCAG 3.1.2)."""
        said = self(text)
        return escape(said) if said is not None else Markup('<span lang="en">{}</span>').format(text)

    def _filled(self, text: str, table: str) -> str | None:
        for pattern in _patterns()[table]:
            found = pattern.match.fullmatch(text)
            if found is not None and (said := self._fill(pattern, found)) is not None:
                return said
        return None

    def _fill(self, pattern: _Pattern, found: re.Match[str]) -> str | None:
        values: dict[str, str] = {}
        for name, given in found.groupdict().items():
            if given is None:
                continue
            written = self._write[pattern.kinds[name]](given)
            if written is None:
                return None
            values[name] = written
        kept = _OPTIONAL.sub(lambda part: part[1] if all(place[1] in values for place in _FILLED.finditer(part[1])) else "", pattern.other)
        return _FILLED.sub(lambda place: _place(place, values, found), kept)

    def _number(self, text: str) -> str:
        number, _, sign = text.partition(" ")
        if "•" in number:
            return text
        plain = number.replace(",", "")
        whole, point, rest = plain.partition(".")
        said = self._words.number(int(whole)) + ("," if point else "") + rest
        return f"{said}{WIDE}{sign}" if sign else said

    def _day(self, text: str) -> str | None:
        try:
            return self._words.day_of(datetime.fromisoformat(text))
        except ValueError:
            return None

    def _month(self, text: str) -> str | None:
        try:
            return self._words.day_of(datetime.fromisoformat(f"{text}-01")).partition(" ")[2]
        except ValueError:
            return None

    def _rule(self, text: str) -> str | None:
        return self._words.rule(text) if self._words.t.has(f"rules.{text}") else None

    def _word(self, text: str) -> str | None:
        said = self._filled(text, "words")
        if said is not None:
            return said
        # A sentence begins with a capital, the name of a sign does not.
        known = next((one for one in (text, text[:1].lower() + text[1:]) if self._facts.knows(one)), None)
        if known is None:
            return None
        fact = self._facts.fact(known)
        return fact if known == text else fact[:1].upper() + fact[1:]

    def _list(self, text: str) -> str | None:
        return self._joined(_COMMA.split(text), ", ")

    def _reasons(self, text: str) -> str | None:
        return self._joined(text.split("; "), " ; ")

    def _joined(self, parts: list[str], between: str) -> str | None:
        said = [one for part in parts if (one := self._word(part)) is not None]
        return between.join(said) if len(said) == len(parts) else None

    def _names(self, text: str) -> str:
        return ", ".join(self._word(part) or part for part in _COMMA.split(text))

    def _other(self, text: str) -> str | None:
        said = self._filled(text, "sentences")
        if said is None and (whole := self._filled(f"{text}.", "sentences")) is not None:
            return whole.removesuffix(".")
        return said


def _place(place: re.Match[str], values: Mapping[str, str], found: re.Match[str]) -> str:
    if place[2] is None:
        return values[place[1]]
    # French: none and one are singular.
    several = int(re.sub(r"\D", "", found[place[1]].partition(".")[0]) or 2) > 1
    return (place[2] if place[3] is None else place[3]) if several else ("" if place[3] is None else place[2])


@cache
def _patterns() -> dict[str, tuple[_Pattern, ...]]:
    tables = tomllib.loads(FILE.read_text("utf-8"))
    words = tables.pop("words")
    return {
        "sentences": tuple(_pattern(english, other) for table in tables.values() for english, other in table.items()),
        "words": tuple(_pattern(english, other) for english, other in words.items()),
    }


def _pattern(english: str, other: str) -> _Pattern:
    kinds: dict[str, str] = {}
    return _Pattern(re.compile("".join(_parts(english, kinds)), re.DOTALL), kinds, other)


def _parts(english: str, kinds: dict[str, str]) -> Iterator[str]:
    at = 0
    for place in _PLACE.finditer(english):
        yield re.escape(english[at : place.start()])
        at = place.end()
        if place[0] in "[]":
            yield "(?:" if place[0] == "[" else ")?"
        else:
            kinds[place[1]] = place[2] or ""
            yield f"(?P<{place[1]}>{KINDS.get(place[2] or '', '.+?')})"
    yield re.escape(english[at:])
