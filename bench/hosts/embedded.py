"""The embedded host as ``vigie run`` judges: partition logs in files, outputs and snapshots in files.

``--topic`` is the directory of the logs.
"""

from __future__ import annotations

from pathlib import Path

from bench.hosts.judge import Meter, given
from streams.collector import fewer_collections
from streams.detecting import SNAPSHOT_EVENTS, Judge, Task, snapshot_of
from streams.ordering import log_path
from streams.partition import PARTITIONS


def main() -> None:
    """Judge all partitions, one after the other; a second start goes on where the first was killed."""
    asked = given()
    logs, work = Path(asked.topic), Path(asked.state)
    meter = Meter(asked.events)
    with fewer_collections():
        for number in range(PARTITIONS):
            log = log_path(work, number)
            if not log.exists():
                log.symlink_to(log_path(logs, number).resolve())
            # names=None: coordinates of a topic, which the log carries; nothing fires after its end, as in a live host.
            judge = Judge(Task(work=work, until=0, every=SNAPSHOT_EVENTS, names=None), number)
            before = snapshot_of(work, number).events

            def tell(events: int) -> None:
                nonlocal before
                if events > before:
                    meter.begin()
                    meter.add(events - before)
                    before = events

            judge.run(log.stat().st_size, tell)
    meter.end()


if __name__ == "__main__":
    main()
