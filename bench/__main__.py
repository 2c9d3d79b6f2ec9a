"""``python -m bench``: every measurement, one after the other; all figures together in ``bench/out/results.json``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import msgspec

from bench.run import OUT, ROOT, Result, write_results

#: Each is also a command of its own, ``python -m bench.PART``: core and main job, the same core in other hosts, from a call to its
#: suspension, from a kill to the first frame, from a suspension to a PBX's refusal, from a call to that, and models.
PARTS = ("job", "hosts", "latency", "recovery", "bridge", "enforcement", "models")


def collect(out: Path) -> list[Result]:
    """The figures of all parts, in their order."""
    return [one for part in PARTS for one in msgspec.json.decode((out / f"results-{part}.json").read_bytes(), type=list[Result])]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each part on a small scale: a look, not a figure to quote")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    given = parser.parse_args()
    options = [option for option, wanted in (("--quick", given.quick), ("--write-docs", given.write_docs)) if wanted]
    for part in PARTS:
        # A process for each: what one has imported or pinned to a core must not be measured in the next.
        subprocess.run([sys.executable, "-m", f"bench.{part}", *options], cwd=ROOT, check=True)
    found = collect(OUT)
    write_results(found, OUT / "results.json")
    print(f"{len(found)} figures in {(OUT / 'results.json').relative_to(ROOT)}.")
    missed = [one for one in found if one.holds is False]
    for one in missed:
        print(f"does not hold: {one.name}: {one.value:,} {one.unit}, the bar is {one.bar:,} {one.unit}")


if __name__ == "__main__":
    main()
