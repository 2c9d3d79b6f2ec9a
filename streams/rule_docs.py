"""The pages of ``docs/rules/`` as Markdown, made from ``streams.rule_pages``: one for each rule, and an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.rule_pages import Facts, Field, RulePage

INDEX = "README.md"
#: Types of licences in the order of the specification, as people call them.
LICENCES = {"softphone": "softphone", "desk_phone": "desk phone", "trunk": "trunk", "group": "group", "fax": "fax"}
JUDGED = {"auto": "may act by itself", "review": "a person decides"}
#: What ``mode`` says in a sentence.
MODES = {"shadow": "is recorded only", "review": "waits for a person", "auto": "acts by itself where its evidence allows"}
_MADE = "Made from the rule itself by `vigie rules docs`: change the rule, not this page."


def texts(pages: list[RulePage]) -> dict[str, str]:
    """File name to text of every page; the same text on every machine."""
    return {INDEX: index(pages)} | {f"{page.rule}.md": markdown(page) for page in pages}


def write(directory: Path, pages: list[RulePage]) -> list[Path]:
    """Write every page into a directory, which is made if need be, and remove those of rules that are no more.

    Returns:
        The files written or removed because they differed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    changed, made = [directory / name for name in differences(directory, pages)], texts(pages)
    for path in changed:
        if path.name in made:
            path.write_text(made[path.name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def differences(directory: Path, pages: list[RulePage]) -> list[str]:
    """Names of the pages that are missing from a directory, stale in it, or of no rule; sorted."""
    made = texts(pages)
    there = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.md")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def index(pages: list[RulePage]) -> str:
    """The list of all rules."""
    rows = [
        (f"[{page.rule}]({page.rule}.md)", page.clause, page.title, page.unit, page.mode, ", ".join(page.needs) or "–") for page in pages
    ]
    return "\n".join(
        [
            "# Rules",
            "",
            f"What each rule catches, what it cannot see, who looks like it and is honest, and how to tune it. {_MADE}",
            "",
            *_table(("rule", "article", "what it is about", "measured in", "mode as shipped", "needs"), rows),
            "",
        ]
    )


def markdown(page: RulePage) -> str:
    """The page of one rule."""
    return "\n".join(_lines(page))


def _lines(page: RulePage) -> Iterator[str]:
    yield from (f"# {page.rule}", "", page.lead, "", _MADE, "")
    about = [
        ("article", page.clause),
        ("about", page.title),
        ("measured in", page.unit),
        ("as shipped", f"{page.mode}: {MODES[page.mode]}"),
    ]
    about.append(("needs of its sources", ", ".join(page.needs) or "nothing special"))
    about += [(name, JUDGED.get(page.applies.get(kind, ""), "not judged")) for kind, name in LICENCES.items()]
    yield from (*_table(("", ""), about), "")
    for section in page.sections:
        yield from (f"## {section.title}", "", section.text, "")
    yield from ("## Vectors", "", f"Proved by `{page.vector_file}`.", "")
    for outcome, caught in (("Caught", True), ("Let go", False)):
        rows = [(vector.sentence, f"`{vector.test}`") for vector in page.vectors if vector.caught is caught]
        yield from (*_table((outcome.lower(), "test"), rows), "")
    yield from ("## Example", "")
    if page.example_lead:
        yield from (page.example_lead, "")
    yield from ("```pycon", page.example, "```", "")
    yield from ("## Policy keys", "", f"Table `[rules.{page.rule}]` of a policy; these are the defaults.", "")
    yield from (*_table(("key", "default", "where it comes from"), [(f"`{k.name}`", f"`{k.default}`", k.source) for k in page.keys]), "")
    yield from ("## Facts of its alerts", "")
    for facts in page.facts:
        yield from _facts(facts)


def _facts(facts: Facts) -> Iterator[str]:
    yield from (f"### {facts.name}", "", facts.text, "")
    if any(field.text for field in facts.fields):
        yield from (*_table(("field", "type", "what it is"), [(f"`{f.name}`", f"`{f.type}`", f.text) for f in facts.fields]), "")
    elif facts.fields:
        yield from (f"Fields: {', '.join(_field(field) for field in facts.fields)}.", "")


def _field(field: Field) -> str:
    return f"`{field.name}` (`{field.type}`)"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    # A bar would end its cell, also within code.
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
