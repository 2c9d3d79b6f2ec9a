"""``python -m bench.job``: speed and memory of the core and of the main job, as a table and as ``bench/out/results-job.json``."""

from __future__ import annotations

import argparse
import subprocess
import sys

from rich.console import Console

from bench.docs import DOC, replace, show, text
from bench.events import Shape
from bench.run import OUT, ROOT, Bench, machine, write_results


def title(shape: Shape) -> str:
    """What was judged, in a line."""
    return f"{shape.events:,} events, {shape.licences:,} licences, {shape.tenants:,} customers, 7 days, seed {shape.seed}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.job", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="profile core|end", help="print where the time goes instead of measuring")
    parser.add_argument("--events", type=int, default=1_000_000, help="registrations and calls (default 1,000,000)")
    parser.add_argument("--quick", action="store_true", help="100,000 events, each measurement once")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    shape = Shape.of(100_000 if given.quick else given.events)
    bench = Bench(shape, OUT, 1 if given.quick else 3, lambda doing: console.print(f"[dim]{doing} …[/]"))
    if given.what:
        if given.what not in (["profile", "core"], ["profile", "end"]):
            parser.error("the only other thing it does is: profile core, or profile end")
        events, countries, logs = bench.prepare()
        paths = [logs] if given.what[1] == "core" else [events, countries, OUT / "run"]
        subprocess.run([sys.executable, "-m", "bench.measure", *given.what, *map(str, paths)], cwd=ROOT, check=True)
        return
    results = bench.run()
    write_results(results, OUT / "results-job.json")
    console.print(show(results, title(shape)))
    console.print(f"{machine()}. Also in {(OUT / 'results-job.json').relative_to(ROOT)}.")
    if given.write_docs:
        replace("job", text(results, f"{title(shape)}. {machine()}"))
        console.print(f"Written to {DOC.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
