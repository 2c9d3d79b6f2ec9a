"""The embedded host: files in, judged alerts out, no broker. The same core, contracts and stamps as the live path.

    inputs ─read─▶ sorted runs ─order, stamp─▶ partition logs ─step─▶ what was said ─sort─▶ files, renamed at the end
              1                      2                            3

Every stage leaves a durable point in ``OUT/.work``, so a run that was killed anywhere goes on from there and ends with the same
bytes. The first stage goes on behind its last run, the second one begins anew, the third one from each partition's snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from detectors.policy import Policy
from detectors.registry import Detectors, installed
from streams.collector import fewer_collections
from streams.detecting import SNAPSHOT_EVENTS, Keep, Snapshot, Task, detect, said_path, snapshot_of
from streams.durable import replace_file
from streams.errors import UsageError
from streams.host_policy import geo_table, locator, number_plan
from streams.journal import NAME as JOURNAL
from streams.journal import Journal
from streams.lock import own
from streams.ordering import DEAD as DEAD_ORDER
from streams.ordering import order
from streams.outputs import SUMMARY, line_of, publish, sort_lines
from streams.partition import FILE_PARTITIONS
from streams.progress import Progress, Silent
from streams.reading import DEAD as DEAD_READ
from streams.reading import Reading
from streams.recorded import replay
from streams.runs import BUFFER_RECORDS
from streams.sources import Input, log_header
from streams.stamp import Stamper
from streams.summary import Tally, summarise

WORK = ".work"
_READY = "ready"


class Settings(msgspec.Struct, kw_only=True):
    """What a run is asked to do.

    ``inputs`` to read; ``out`` the output directory; ``policy`` the parsed policy and ``base`` the directory of its file;
    ``country_db`` and ``second_db`` databases (none: location is not covered); ``since``, ``before`` and ``until`` instants in
    milliseconds; ``jobs`` processes for detection; ``resume`` a killed run; ``version`` of vigie, for the summary.
    ``buffer_records`` and ``snapshot_events`` bound memory and the work lost to a crash. ``partitions`` to judge one after the other.
    """

    inputs: list[Input]
    out: Path
    policy: dict[str, Any]
    base: Path = Path()
    country_db: Path | None = None
    second_db: Path | None = None
    since: int | None = None
    before: int | None = None
    until: int | None = None
    jobs: int = 1
    resume: bool = False
    version: str = ""
    buffer_records: int = BUFFER_RECORDS
    snapshot_events: int = SNAPSHOT_EVENTS
    partitions: int = FILE_PARTITIONS


class Judged(msgspec.Struct, kw_only=True):
    """What the three stages left in ``work``: their journal, the last snapshot of each partition, how addresses were located."""

    work: Path
    journal: Journal
    snapshots: list[Snapshot]
    located: dict[str, Any] | None

    def said(self) -> list[tuple[Path, int]]:
        """Files of frames of the lines that were kept, one for each partition, each with the bytes of it that count."""
        return [(said_path(self.work, number), snapshot.said) for number, snapshot in enumerate(self.snapshots)]


def run(settings: Settings, progress: Progress | None = None) -> dict[str, Any]:
    """Judge the inputs; the files are in ``settings.out`` when this returns.

    Returns:
        The summary, as written to ``summary.json``.

    Raises:
        VigieError: see ``judged``; nothing is written then.
    """
    with judged(settings, progress) as done:
        return publish_results(settings, done)


@contextmanager
def judged(
    settings: Settings, progress: Progress | None = None, detectors: Detectors | None = None, keep: Keep = line_of
) -> Iterator[Judged]:
    """Read, order and judge the inputs; what was said lies in ``settings.out`` until the block ends without an error.

    Args:
        settings: what is asked for.
        progress: a listener.
        detectors: rules by id instead of the installed ones; they are not sent to other processes, so ``jobs`` is 1 then.
        keep: what line an output becomes, by default that of its output file.

    Raises:
        UsageError: inputs that cannot be judged together, another run in the same directory, or a resumed run that is not the one
            that was killed.
        InputUnreadable: an input cannot be read; nothing is written then.
        PolicyError: the policy is not usable.
    """
    said = progress or Silent()
    Policy(settings.policy, installed())
    recorded = are_recorded(settings.inputs)
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{settings.out}: cannot be made an output directory ({error.strerror}); choose another --out") from error
    with own(settings.out), fewer_collections():
        work = settings.out / WORK
        journal = begin(settings, work)
        located = read_and_order(settings, work, journal, recorded, said)
        for path in work.glob("events-*.run"):
            path.unlink()
        if journal.stage == "detect":
            names = None if recorded else tuple(one.path for one in journal.read.inputs)
            task = Task(work, max(journal.order.last, settings.until or 0), settings.snapshot_events, names)
            detect(task, settings.out, journal.order, settings.jobs, said, detectors, keep)
            journal.stage = "publish"
            journal.save(work)
        yield Judged(work=work, journal=journal, snapshots=snapshots_of(work, journal), located=located)
        # First the journal: a kill while the rest is removed must not leave one that names files which are gone.
        (work / JOURNAL).unlink()
        shutil.rmtree(work)


def snapshots_of(work: Path, journal: Journal) -> list[Snapshot]:
    """The last snapshot of each partition."""
    return [snapshot_of(work, number) for number in range(len(journal.order.logs))]


def read_and_order(settings: Settings, work: Path, journal: Journal, recorded: bool, progress: Progress) -> dict[str, Any] | None:
    """The first two stages, as far as they are not done; gives the facts of the databases, ``None`` without one."""
    geo = geo_table(settings.policy)
    country_db = settings.country_db or (settings.base / geo.country_db if geo.country_db else None)
    second_db = settings.second_db or (settings.base / geo.second_db if geo.second_db else None)
    # Opened before anything is read: a database that cannot be used is told in the first second of a run of hours.
    with locator(geo, settings.base, country_db, second_db) as where:
        stamper = Stamper(where, number_plan(settings.policy, settings.base))
        if journal.stage == "read" and recorded:
            replay(work, journal, settings.inputs, settings.partitions, progress)
        elif journal.stage == "read":
            sources = settings.policy.get("sources", {})
            Reading(work, journal, settings.inputs, sources, settings.since, settings.before, progress, settings.buffer_records).run()
            journal.stage = "order"
            journal.save(work)
        if journal.stage == "order":
            order(work, journal, stamper, settings.policy, settings.partitions, progress)
        if recorded:
            # An exported log brings its places along; no database is asked.
            return {"built": journal.order.built, "databases": []} if journal.order.built else None
        if not where.covered:
            return None
        databases = [_database(path) for path in (country_db, second_db) if path is not None]
        return {"built": where.built, "databases": databases}


def are_recorded(inputs: list[Input]) -> bool:
    """Whether the inputs are exported logs.

    Raises:
        UsageError: some are and some are not.
    """
    headers = [log_header(one.path) is not None for one in inputs]
    if any(headers) and not all(headers):
        name = inputs[headers.index(True)].path
        raise UsageError(f"{name}: is an exported log, which is applied as it was recorded; other inputs cannot be mixed into it")
    return any(headers)


def begin(settings: Settings, work: Path) -> Journal:
    """The journal of the run: that of the killed one it resumes, or a new one.

    Raises:
        UsageError: a resumed run that is not the one that was killed.
    """
    asked = _asked(settings)
    if settings.resume and work.is_dir():
        journal = Journal.load(work)
        if journal is not None:
            for part, now in asked.items():
                if journal.asked.get(part) != now:
                    raise UsageError(f"--resume: {part} differs from the run begun in {settings.out}; ask for the same, or drop --resume")
            return journal
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    journal = Journal(asked)
    journal.save(work)
    return journal


def _asked(settings: Settings) -> dict[str, str]:
    return {
        "the list of inputs": json.dumps([(one.path, one.source) for one in settings.inputs]),
        "the size of an input": json.dumps([one.size for one in settings.inputs]),
        "the policy": hashlib.sha256(json.dumps(settings.policy, sort_keys=True, default=str).encode()).hexdigest(),
        "the geo database": json.dumps([_database(path) for path in (settings.country_db, settings.second_db) if path is not None]),
        "the period": json.dumps([settings.since, settings.before, settings.until]),
        "the version of vigie": settings.version,
    }


def _database(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"file": path.name, "bytes": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def publish_results(settings: Settings, done: Judged) -> dict[str, Any]:
    """Sort what was said into the output files, put all of them in place at once, and give the summary."""
    work, journal = done.work, done.journal
    ready = work / _READY
    shutil.rmtree(ready, ignore_errors=True)
    parts = [(work / DEAD_READ, journal.read.dead_bytes), (work / DEAD_ORDER, journal.order.dead_bytes), *done.said()]
    tally = Tally()
    sort_lines(parts, work, ready, tally.tell)
    policy = Policy(settings.policy, installed())
    facts = {
        "version": settings.version,
        "policy": {"name": settings.policy.get("name", ""), "policy_version": policy.merged("", "").version},
        "geo": done.located,
    }
    summary = summarise(journal, done.snapshots, tally, (settings.since, settings.before, settings.until), facts)
    replace_file(ready / SUMMARY, (json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())
    publish(ready, settings.out)
    return summary
