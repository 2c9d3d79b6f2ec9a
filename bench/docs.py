"""Keeps the table of ``docs/benchmarks.md``; the words around it are written by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.events import Shape
from bench.run import ROOT, Result, machine

DOC = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- measured: python -m bench --write-docs -->", "<!-- end -->"


def title(shape: Shape) -> str:
    """What was judged, in a line."""
    return f"{shape.events:,} events, {shape.licences:,} licences, {shape.tenants:,} customers, 7 days, seed {shape.seed}"


def table(results: Sequence[Result], shape: Shape) -> str:
    """The results as Markdown."""
    rows = ["| measured | value | bar | holds |", "|---|---:|---:|---|"]
    for one in results:
        bar = "" if one.bar is None else f"{one.bar:,} {one.unit}"
        holds = "" if one.holds is None else "yes" if one.holds else "**no**"
        rows.append(f"| {one.name} | {one.value:,} {one.unit} | {bar} | {holds} |")
    return "\n".join([f"{title(shape)}. {machine()}.", "", *rows])


def write_table(results: Sequence[Result], shape: Shape) -> None:
    """Replace the table between the two marks."""
    text = DOC.read_text("utf-8")
    block = f"{_BEGIN}\n{table(results, shape)}\n{_END}"
    DOC.write_text(re.sub(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: block, text, flags=re.DOTALL), "utf-8")
