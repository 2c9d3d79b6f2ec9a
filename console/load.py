"""Results of ``vigie run`` into the database: ``alerts.jsonl`` and its neighbours, and the facts of customers that the run read.

Loading again is cheap and changes nothing; a directory that another run has written over is taken anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from console import taking
from console.db.tables import Position, Setting
from console.errors import ConsoleError
from streams.errors import InputUnreadable
from streams.outputs import ALERTS, METERING, SUMMARY, SUSPENSIONS
from streams.sources import Reader

#: Records in one statement to the database; alerts weigh 8 KiB each.
BLOCK = 200
FACTS = ("tenant", "licence", "exemption")


class NoResults(ConsoleError):
    """A directory that no run has written to."""

    exit_status = 2


@dataclass(frozen=True)
class Loaded:
    """What came of loading: ``again`` when there was nothing new to take."""

    statements: int
    withdrawn: int
    facts: int
    again: bool


def load_results(session: Session, directory: Path, now: int) -> Loaded:
    """Take in a directory of results.

    Raises:
        NoResults: it has no ``summary.json`` and ``alerts.jsonl``.
        InputUnreadable: a line is no output of vigie.
    """
    if not (directory / SUMMARY).is_file() or not (directory / ALERTS).is_file():
        raise NoResults(f"{directory}: no results of a run are there; judge some events first: vigie run INPUT... --out {directory}")
    source = str(directory.resolve())
    files = [directory / name for name in (ALERTS, SUSPENSIONS, METERING) if (directory / name).is_file()]
    mark = _mark([*files, directory / SUMMARY])
    position = session.get(Position, source)
    if position is not None and position.mark == mark:
        return Loaded(0, 0, 0, again=True)
    losses = taking.Losses(session, now)
    fresh, said = 0, set()
    for block in _blocks(directory / ALERTS, "alert"):
        fresh += taking.alerts(session, block, now, losses)
        said |= {record["alert_id"] for record in block}
        # Ten thousand alerts as objects would be a gigabyte.
        session.flush()
        session.expunge_all()
    withdrawn = taking.withdraw_missing(session, said, now) if position is not None else 0
    for path, kind, take in ((SUSPENSIONS, "suspension", taking.suspensions), (METERING, "metering", _metering)):
        if (directory / path).is_file():
            for block in _blocks(directory / path, kind):
                take(session, block, now)
    summary = json.loads((directory / SUMMARY).read_bytes())
    facts = sum(_facts(session, Path(one["path"]), now) for one in summary.get("inputs", []))
    session.merge(Setting(key="summary", value=summary, changed_at=now, changed_by="vigie"))
    session.merge(Position(source=source, next=0, mark=mark, taken_at=now))
    return Loaded(fresh, withdrawn, facts, again=False)


def _metering(session: Session, records: list[taking.Record], _: int) -> None:
    taking.metering(session, records)


def _mark(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for block in Reader(str(path)).blocks():
        for line in block:
            number += 1
            if line and not line.isspace():
                try:
                    record = msgspec.json.decode(line)
                except msgspec.MsgspecError as error:
                    raise InputUnreadable(f"{path}: line {number} is no JSON ({error})") from None
                if isinstance(record, dict):
                    yield number, record


def _blocks(path: Path, kind: str) -> Iterator[list[dict[str, Any]]]:
    records = (record for _, record in _records(path) if record.get("kind") == kind)
    while block := list(islice(records, BLOCK)):
        yield block


def _facts(session: Session, path: Path, now: int) -> int:
    """Facts of an input of the run, if it is still there and begins with one: files of a million calls are not searched for them."""
    if not path.is_file() or path.suffix not in (".jsonl", ".gz"):
        return 0
    count = 0
    try:
        for number, record in _records(path):
            if record.get("kind") in FACTS and record.get("tenant"):
                taking.fact(session, record, now)
                count += 1
            elif number == 1 or not count:
                return 0
    except (InputUnreadable, ValueError, KeyError):
        # The run has judged these lines and said which it refused; here they only dress the page.
        return count
    return count
