"""What there is to read about each rule, from the rule itself: its module's docstring, its class, its policy block, its facts.

Pages in ``docs/rules/`` and the screens that explain a rule are made from this one collection, so neither can say what the code does
not. A module's docstring is a lead, sections that begin with ``**Title.**``, the list of vectors, and a doctest that shows a detection.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from detectors.registry import Detectors, installed
from detectors.rule import Detector

#: Sections that every rule owes its readers.
OWED = ("What it catches", "What it cannot see", "Honest look-alikes", "How to tune")
#: Vectors of each outcome that every rule owes its readers.
OWED_VECTORS = 2

_HEADING = re.compile(r"\*\*(?P<title>[^*]+?)\.?\*\*\s*(?P<rest>.*)", re.DOTALL)
_VECTOR = re.compile(r"(?P<outcome>caught|let go): (?P<sentence>.+) \(``(?P<test>test_\w+)``\)", re.DOTALL)
_TABLE = re.compile(r"\[rules\.\"?(?P<rule>[a-z0-9-]+)\"?\]")
# A "#" inside a quoted value is no comment.
_SOURCED = re.compile(r"(?P<key>[a-z0-9_]+) = (?:\"[^\"]*\"|[^\"#])*#\s*(?P<source>\S.*)")


class Section(msgspec.Struct, frozen=True):
    """A part of the text: its title, and Markdown."""

    title: str
    text: str


class Vector(msgspec.Struct, frozen=True):
    """A case the rule is known to catch or to let go, and the test that proves it."""

    caught: bool
    sentence: str
    test: str


class Key(msgspec.Struct, frozen=True):
    """A policy key: its default as written in TOML, and where that default comes from (empty: nobody said)."""

    name: str
    default: str
    source: str


class Field(msgspec.Struct, frozen=True):
    """A field of the facts: its type as written, and what it is (empty: the text of its struct says)."""

    name: str
    type: str
    text: str


class Facts(msgspec.Struct, frozen=True):
    """A struct of the facts an alert carries for its screen; the first one holds the others."""

    name: str
    text: str
    fields: tuple[Field, ...]


class RulePage(msgspec.Struct, frozen=True):
    """All there is to read about a rule. ``vector_file`` is where the tests of ``vectors`` are; ``example`` is a doctest."""

    rule: str
    clause: str
    title: str
    unit: str
    mode: str
    applies: dict[str, str]
    needs: tuple[str, ...]
    lead: str
    sections: tuple[Section, ...]
    vector_file: str
    vectors: tuple[Vector, ...]
    example_lead: str
    example: str
    keys: tuple[Key, ...]
    facts: tuple[Facts, ...]


def collect(policy: str, detectors: Detectors | None = None) -> list[RulePage]:
    """The page of every rule, by rule id.

    Args:
        policy: text of the policy that ships, whose comments name the source of each default.
        detectors: rules by id, by default the installed ones.
    """
    sources = sources_of(policy)
    rules = installed() if detectors is None else detectors
    return [page_of(rule, sources.get(name, {})) for name, rule in sorted(rules.items())]


def page_of(rule: Detector[Any, Any], sources: dict[str, str]) -> RulePage:
    """The page of one rule, given the source of each of its policy keys."""
    module = inspect.getmodule(type(rule))
    text = _Text(inspect.cleandoc((module.__doc__ if module else "") or ""))
    params = rule.Params()
    return RulePage(
        rule=rule.rule,
        clause=rule.clause,
        title=rule.title,
        unit=rule.unit,
        mode=params.mode,
        applies=dict(rule.applies),
        needs=tuple(rule.needs),
        lead=text.lead,
        sections=tuple(text.sections),
        vector_file=text.vector_file,
        vectors=tuple(text.vectors),
        example_lead=text.example_lead,
        example=text.example,
        keys=tuple(
            Key(field.name, _toml(getattr(params, field.name)), sources.get(field.name, ""))
            for field in msgspec.structs.fields(rule.Params)
        ),
        facts=tuple(_facts_of(struct) for struct in _structs(rule.Facts)),
    )


def sources_of(policy: str) -> dict[str, dict[str, str]]:
    """The comment beside each key of each ``[rules.…]`` table of a policy.

    >>> sources_of("[rules.autodial]" + chr(10) + "short_s = 6  # Telnyx: six seconds or less")
    {'autodial': {'short_s': 'Telnyx: six seconds or less'}}
    """
    found: dict[str, dict[str, str]] = {}
    table: dict[str, str] = {}
    for line in policy.splitlines():
        heading = _TABLE.match(line)
        if heading:
            table = found.setdefault(heading["rule"], {})
        elif line.startswith("["):
            table = {}
        elif sourced := _SOURCED.match(line):
            table[sourced["key"]] = sourced["source"].strip()
    return found


def gaps(page: RulePage) -> list[str]:
    """What a rule still owes its readers, one sentence each; empty when nothing is missing."""
    titles = {section.title for section in page.sections}
    missing = [f"its module has no section **{title}.**" for title in OWED if title not in titles]
    missing += [f"it has no {name}" for name in ("clause", "title", "unit", "applies", "lead", "example") if not getattr(page, name)]
    missing += [f"policies/default.toml names no source for {key.name}" for key in page.keys if not key.source]
    for caught, outcome in ((True, "caught"), (False, "let go")):
        count = sum(vector.caught is caught for vector in page.vectors)
        if count < OWED_VECTORS:
            missing.append(f"it names {count} vectors that are {outcome}, and owes {OWED_VECTORS}")
    missing += [f"its facts' {facts.name} has no docstring" for facts in page.facts if not facts.text]
    return missing


class _Text:
    """A module's docstring, taken apart."""

    def __init__(self, docstring: str) -> None:
        self.lead = self.vector_file = self.example_lead = self.example = ""
        self.sections: list[Section] = []
        self.vectors: list[Vector] = []
        title, parts = "", [""]
        for paragraph in re.split(r"\n\s*\n", docstring):
            heading = _HEADING.match(paragraph)
            if paragraph.startswith(">>>"):
                self.example += ("\n\n" if self.example else "") + paragraph
            elif self.example or (title == "Vectors" and not heading and not paragraph.startswith("* ")):
                self.example_lead += (" " if self.example_lead else "") + _markdown(paragraph)
            elif heading:
                self._close(title, parts)
                title, parts = heading["title"], [heading["rest"]]
            else:
                parts.append(paragraph)
        self._close(title, parts)

    def _close(self, title: str, parts: list[str]) -> None:
        text = "\n\n".join(part for part in parts if part)
        if title == "Vectors":
            path = re.search(r"``(tests/[\w/]+\.py)``", text)
            self.vector_file = path[1] if path else ""
            for item in re.split(r"^\* ", text, flags=re.MULTILINE)[1:]:
                found = _VECTOR.match(" ".join(item.split()))
                if found:
                    self.vectors.append(Vector(found["outcome"] == "caught", _markdown(found["sentence"]), found["test"]))
        elif title:
            self.sections.append(Section(title, _markdown(text)))
        else:
            self.lead = _markdown(text)


def _markdown(text: str) -> str:
    """Our docstrings' markup as Markdown, a paragraph a line."""
    paragraphs = [part if part.startswith("* ") else " ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(paragraphs).replace("``", "`")


def _toml(value: Any) -> str:
    return json.dumps(value if isinstance(value, str | int | bool) else list(value), ensure_ascii=False)


def _structs(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """A struct of facts and those its fields hold, each once, outermost first."""
    seen: dict[type[msgspec.Struct], None] = {struct: None}
    waiting = [struct]
    while waiting:
        for field in msgspec.structs.fields(waiting.pop(0)):
            for inner in _held(field.type):
                if inner not in seen:
                    seen[inner] = None
                    waiting.append(inner)
    return iter(seen)


def _held(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for inner in get_args(hint):
        yield from _held(inner)


def _facts_of(struct: type[msgspec.Struct]) -> Facts:
    text, _, listed = inspect.cleandoc(struct.__doc__ or "").partition("\n\nAttributes:\n")
    said = _listed(listed) | _beside(struct)
    fields = tuple(
        Field(field.name, str(struct.__annotations__.get(field.name, "")), said.get(field.name, ""))
        for field in msgspec.structs.fields(struct)
    )
    return Facts(struct.__name__, _markdown(text), fields)


def _listed(text: str) -> dict[str, str]:
    """Fields of an ``Attributes:`` list: ``name: what it is``, continued on lines that are further in."""
    items = re.split(r"^(\w+): ", textwrap.dedent(text), flags=re.MULTILINE)[1:]
    return {name: _markdown(" ".join(said.split())) for name, said in zip(items[::2], items[1::2], strict=True)}


def _beside(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Fields with a docstring of their own on the lines after them."""
    body = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    said: dict[str, str] = {}
    name = ""
    for node in body.body if isinstance(body, ast.ClassDef) else []:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said[name], name = _markdown(inspect.cleandoc(node.value.value)), ""
        else:
            name = ""
    return said
