"""Keeps the tables of the section "Hosts" in ``docs/benchmarks.md``; the words around them are written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.docs import DOC, replace
from bench.events import Shape
from bench.hosts.run import INGESTED, OURS, QUIX, RATE_BAR, RECOVERY_BAR, Row, Tables
from bench.hosts.running import Figures
from bench.job import title
from bench.run import machine


def text(tables: Tables, shape: Shape) -> str:
    """Both tables as Markdown, with what was judged and what the bars say."""
    parts = [f"{title(shape)}. {machine()}.", "", "**Over the same frames**", "", *_table(tables.frames)]
    parts += ["", "**Over single records**", "", *_table(tables.records), "", *verdicts(tables)]
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> list[str]:
    found = ["| host | events/s | CPU µs/event | kill -9 to first record, s |", "|---|---:|---:|---:|"]
    for row in rows:
        if row.figures is None:
            found.append(f"| {row.host} | could not run: {_cell(row.reason)} | | |")
            continue
        one = row.figures
        recovery = "" if one.recovery is None else f"{one.recovery:.1f}"
        found.append(f"| {row.host} | {one.rate:,.0f} | {one.cpu:.1f} | {recovery} |")
    return found


def verdicts(tables: Tables) -> list[str]:
    """What was promised, and whether it holds; nothing is said of what could not be measured."""
    found = []
    ours = _figures(tables.frames, OURS)
    if ours is not None:
        found.append(f"- at least {RATE_BAR:,} events/s per worker over frames, all rules on: {_word(ours.rate >= RATE_BAR)}")
        if ours.recovery is not None:
            found.append(f"- first frame within {RECOVERY_BAR:.0f} s of `kill -9`: {_word(ours.recovery <= RECOVERY_BAR)}")
    ingested, quix = _figures(tables.records, INGESTED), _figures(tables.records, QUIX)
    if ingested is not None and quix is not None:
        found.append(f"- over single records no more CPU per event than {QUIX}, ingest included: {_word(ingested.cpu <= quix.cpu)}")
    return found


def write(tables: Tables, shape: Shape, doc: Path = DOC) -> None:
    """Replace what is between the two marks."""
    replace("hosts", text(tables, shape), doc)


def _figures(rows: Sequence[Row], host: str) -> Figures | None:
    return next((row.figures for row in rows if row.host == host), None)


def _word(holds: bool) -> str:
    return "holds" if holds else "**does not hold**"


def _cell(reason: str) -> str:
    return reason.replace("|", "/").replace("\n", " ")
