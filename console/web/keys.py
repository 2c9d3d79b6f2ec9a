"""Keys of the console: what each does, and as a person has set them. Single characters can be changed and turned off (WCAG 2.1.4)."""

from __future__ import annotations

from typing import Any

#: What a key does, and the key unless a person chose another. The letters a to h are the reasons, and stay free where there are some.
KEYS: dict[str, str] = {
    "next": "n",
    "take": "t",
    "down": "j",
    "up": "k",
    "open": "o",
    "no_breach": "1",
    "breach_watch": "2",
    "warn": "3",
    "restrict": "4",
    "suspend": "5",
    "unsure": "0",
    "undo": "u",
    "reinstate": "r",
    "release": "x",
    "queue": "q",
    "tick": "x",
    "tick_all": "X",
    "bulk": "b",
    "sheet": "?",
}
RESERVED = "abcdefgh"
#: Keys of the queue alone, and of an alert alone: one of each may be the same.
ON_QUEUE = ("tick", "tick_all", "bulk")
ON_ALERT = ("take", "no_breach", "breach_watch", "warn", "restrict", "suspend", "unsure", "reinstate", "release")


def keys_of(chosen: dict[str, Any]) -> dict[str, str]:
    """The keys of a person; none when they turned them off.

    >>> keys_of({"next": "y"})["next"], keys_of({"off": True})
    ('y', {})
    """
    if chosen.get("off"):
        return {}
    return {name: str(chosen.get(name, key)) for name, key in KEYS.items()}


def fault(chosen: dict[str, str]) -> str:
    """What is wrong with a choice of keys (a key of the texts); empty: nothing."""
    if any(len(key) != 1 or not key.isprintable() or key.isspace() for key in chosen.values()):
        return "keys.one_character"
    if any(key in RESERVED for name, key in chosen.items() if name not in ON_QUEUE):
        return "keys.reserved"
    for elsewhere in (ON_QUEUE, ON_ALERT):
        here = [key for name, key in chosen.items() if name not in elsewhere]
        if len(set(here)) < len(here):
            return "keys.twice"
    return ""
