"""``python -m bench.hosts``: the same core in other hosts, as two tables and as ``bench/out/results-hosts.json``."""

from __future__ import annotations

import argparse
import logging
import sys

from rich.console import Console
from rich.table import Table

from bench.docs import DOC
from bench.events import Shape
from bench.hosts import docs
from bench.hosts.run import Hosts, Row, results
from bench.job import title
from bench.run import OUT, ROOT, machine, write_results


def show(rows: list[Row], title: str) -> Table:
    """A table for the terminal."""
    table = Table(title=title, title_justify="left")
    table.add_column("host")
    for heading in ("events/s", "CPU µs/event", "kill -9 to first record, s"):
        table.add_column(heading, justify="right")
    for row in rows:
        one = row.figures
        if one is None:
            table.add_row(row.host, "could not run", "", "")
        else:
            table.add_row(row.host, f"{one.rate:,.0f}", f"{one.cpu:.1f}", "" if one.recovery is None else f"{one.recovery:.1f}")
    return table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.hosts", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="registrations and calls (default 200,000: about five minutes)")
    parser.add_argument("--quick", action="store_true", help="20,000 events")
    parser.add_argument("--write-docs", action="store_true", help=f"put the tables into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    # A topic that was just made has no leader for a moment: the client says so, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else 120)
    shape = Shape.of(20_000 if given.quick else given.events)
    tables = Hosts(shape, OUT, lambda doing: console.print(f"[dim]{doing} …[/]")).run()
    write_results(results(tables), OUT / "results-hosts.json")
    console.print(show(tables.frames, f"over the same frames: {title(shape)}"))
    console.print(show(tables.records, "over single records"))
    for row in (*tables.frames, *tables.records):
        if row.figures is None:
            console.print(f"{row.host} could not run: {row.reason}", soft_wrap=True, markup=False, highlight=False)
    for line in docs.verdicts(tables):
        console.print(line, markup=False, highlight=False)
    console.print(f"{machine()}. Also in {(OUT / 'results-hosts.json').relative_to(ROOT)}.")
    if given.write_docs:
        docs.write(tables, shape)
        console.print(f"Written to {DOC.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
