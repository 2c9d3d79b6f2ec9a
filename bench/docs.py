"""Figures as tables: for the terminal, and for ``docs/benchmarks.md``, where each stands between two marks.

The words around them are written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.run import ROOT, Result

DOC = ROOT / "docs" / "benchmarks.md"


def replace(part: str, text: str, doc: Path = DOC) -> None:
    """Put text between the marks ``<!-- measured: python -m bench.PART --write-docs -->`` and ``<!-- end PART -->``.

    Raises:
        ValueError: the document has no such marks.
    """
    begin, end = f"<!-- measured: python -m bench.{part} --write-docs -->", f"<!-- end {part} -->"
    before = doc.read_text("utf-8")
    after, found = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", before, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"{doc}: the marks {begin} and {end} must be there once")
    doc.write_text(after, "utf-8")


def show(results: Sequence[Result], title: str) -> Table:
    """Figures and their bars as a table for the terminal."""
    table = Table(title=title, title_justify="left")
    for heading, justify in (("measured", "left"), ("value", "right"), ("unit", "left"), ("bar", "right"), ("holds", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for one in results:
        holds = "" if one.holds is None else "[green]yes[/]" if one.holds else "[red]no[/]"
        table.add_row(one.name, f"{one.value:,}", one.unit, "" if one.bar is None else f"{one.bar:,}", holds)
    return table


def text(results: Sequence[Result], title: str) -> str:
    """The same as Markdown, under a line that says what was measured on what."""
    rows = ["| measured | value | bar | holds |", "|---|---:|---:|---|"]
    for one in results:
        bar = "" if one.bar is None else f"{one.bar:,} {one.unit}".strip()
        holds = "" if one.holds is None else "yes" if one.holds else "**no**"
        rows.append(f"| {one.name} | {f'{one.value:,} {one.unit}'.strip()} | {bar} | {holds} |")
    return "\n".join([f"{title}.", "", *rows])
