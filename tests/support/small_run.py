"""A whole run with durable points every few events, as a process of its own: what tests kill.

Usage: python -m support.small_run INPUT OUT GEO JOBS [--resume]
"""

import sys
from pathlib import Path

from streams.embedded import Settings, run
from streams.sources import Input


def main() -> None:
    source, out, geo, jobs, *rest = sys.argv[1:]
    run(
        Settings(
            inputs=[Input(source)],
            out=Path(out),
            policy={"name": "test"},
            country_db=Path(geo),
            jobs=int(jobs),
            resume="--resume" in rest,
            buffer_records=700,
            snapshot_events=300,
        )
    )


if __name__ == "__main__":
    main()
