"""The words of plots in the reader's language, and how it writes numbers, money and dates.

Names of signs, stages and classes of numbers come from the facts in English; ``[facts]`` of a language's file gives its own, and the
numbers within ("busy share of 8 hours") go from one to the other.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr")
_NUMBER = re.compile(r"\d+")


class Words:
    """Texts of one language.

    Args:
        lang: ``en`` or ``fr``; any other is read as English.
    """

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang if lang in LANGUAGES else "en"
        self._texts = _read(self.lang)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with its places filled."""
        found: Any = self._texts
        for part in key.split("."):
            found = found[part]
        return str(found).format(**values) if values else str(found)

    def fact(self, text: str, table: str = "facts") -> str:
        """A text of the facts in this language; one that is not known stays as it is.

        >>> Words("fr").fact("busy share of 8 hours"), Words("fr").fact("<b>")
        ('part occupée de 8 heures', '<b>')
        """
        known = self._texts[table].get(_NUMBER.sub("#", text))
        if known is None:
            return text if table == "facts" else self.fact(text)
        for value in _NUMBER.findall(text):
            known = known.replace("#", value, 1)
        return str(known)

    def knows(self, text: str) -> bool:
        """Whether a text of the facts has words of its own in this language."""
        return _NUMBER.sub("#", text) in self._texts["facts"]

    def count(self, value: int) -> str:
        """A whole number.

        >>> Words("en").count(12345), Words("fr").count(12345)
        ('12,345', '12\u202f345')
        """
        return f"{value:,}".replace(",", self("thousands"))

    def decimal(self, value: float) -> str:
        """A number with at most two decimals.

        >>> Words("fr").decimal(0.25), Words("en").decimal(3)
        ('0,25', '3')
        """
        return f"{value:.2f}".rstrip("0").rstrip(".").replace(".", self("point"))

    def money(self, cents: int) -> str:
        """Euros.

        >>> Words("en").money(153420), Words("fr").money(153420)
        ('€1,534.20', '1\u202f534,20\u00a0€')
        """
        return self.euros(f"{self.count(cents // 100)}{self('point')}{cents % 100:02}")

    def euros(self, amount: str) -> str:
        """A number of euros with its sign where the language puts it, as on the rest of the page."""
        return self("euros").replace("#", amount)

    def seconds(self, value: int) -> str:
        """A length of time.

        >>> [Words().seconds(s) for s in (8, 95, 7320, 7200)]
        ['8 s', '1 min 35 s', '2 h 02 min', '2 h']
        """
        if value < 60:
            return f"{value} s"
        if value < 3600:
            return f"{value // 60} min {value % 60:02} s" if value % 60 else f"{value // 60} min"
        return f"{value // 3600} h {value % 3600 // 60:02} min" if value % 3600 // 60 else f"{value // 3600} h"

    def day(self, day: date) -> str:
        """A day and its month, for axes.

        >>> Words("fr").day(date(2026, 3, 1))
        '1 mars'
        """
        return f"{day.day} {self.month(day)}"

    def month(self, day: date) -> str:
        """A month, short."""
        return str(self._texts["months"][day.month - 1])

    def weekday(self, place: int) -> str:
        """A weekday, short; Monday is 0."""
        return str(self._texts["weekdays"][place])


@cache
def _read(lang: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(f"{lang}.toml").read_text("utf-8"))
