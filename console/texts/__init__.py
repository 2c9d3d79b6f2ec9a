"""Every word a person reads, in French and English: ``texts/<language>/<area>.toml``, looked up as ``area.key``.

A key that differs by number is a table with ``one`` and ``other``; ``n`` chooses.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from console.errors import ConsoleError

HERE = Path(__file__).parent
LANGUAGES = ("fr", "en")


class TextError(ConsoleError):
    """A text is asked for that no file has."""


@cache
def catalogue(language: str) -> dict[str, Any]:
    """All texts of a language by their full key.

    Raises:
        TextError: there is no such language.
    """
    files = sorted((HERE / language).glob("*.toml"))
    if language not in LANGUAGES or not files:
        raise TextError(f"no texts in {language!r}; there are {', '.join(LANGUAGES)}")
    found: dict[str, Any] = {}
    for file in files:
        _flatten(file.stem, tomllib.loads(file.read_text("utf-8")), found)
    return found


def _flatten(prefix: str, table: dict[str, Any], found: dict[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, dict) and "other" not in value:
            _flatten(f"{prefix}.{key}", value, found)
        else:
            found[f"{prefix}.{key}"] = value


class Texts:
    """The texts of one language.

    >>> Texts("fr")("common.seconds", n=1), Texts("en")("common.seconds", n=0)
    ('1 seconde', '0 seconds')
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._all = catalogue(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with its ``{values}`` filled in; plain text, to be escaped like any other.

        Raises:
            TextError: no file has the key.
        """
        text = self._all.get(key)
        if text is None:
            raise TextError(f"no text {key!r} in {self.language}; add it to console/texts/{self.language}/{key.split('.')[0]}.toml")
        if isinstance(text, dict):
            text = text["one" if self._one(values.get("n")) else "other"]
        return str(text.format_map(values)) if values else str(text)

    def has(self, key: str) -> bool:
        """Whether there is such a text: rules of a package of its own bring none."""
        return key in self._all

    def _one(self, n: object) -> bool:
        # French counts zero with the singular.
        return n == 1 or (self.language == "fr" and n == 0)
