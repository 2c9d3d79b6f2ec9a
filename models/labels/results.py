"""Alerts and verdicts from a directory of results of ``vigie run``: ``alerts.jsonl``, and ``reviews.jsonl`` that the console writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from models.labels.alerts import Said, said
from models.labels.verdicts import Given
from streams.errors import InputUnreadable, UsageError
from streams.outputs import ALERTS
from streams.sources import Reader
from streams.times import parse_time

REVIEWS = "reviews.jsonl"
#: The reason of a review that gives service back: its verdict is that of the decision before.
REINSTATED = "reinstate"


def from_results(directory: Path) -> tuple[list[Given], dict[str, list[Said]]]:
    """Decisions and the statements of the alerts that they are on.

    A review says whom it was agreed with only by an id; that one's verdict is the same, or it would not have left the console.

    Raises:
        UsageError: the directory has no results, or nobody judged them.
        InputUnreadable: a line is not what it should be.
    """
    for name, hint in ((ALERTS, "judge events first: vigie run INPUT... --out DIR"), (REVIEWS, "nobody judged these alerts yet")):
        if not (directory / name).is_file():
            raise UsageError(f"{directory / name}: is not there; {hint}")
    reviews: dict[str, dict[str, Any]] = {}
    for _, review in _records(directory / REVIEWS, "review"):
        # Written again after a crash: the first one counts, as it does for a run.
        reviews.setdefault(review["review_id"], review)
    decisions = _decisions(reviews)
    wanted = {one.alert_id for one in decisions}
    statements: dict[str, list[Said]] = {}
    for number, record in _records(directory / ALERTS, "alert"):
        if record.get("alert_id") in wanted:
            try:
                one = said(record)
            except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
                raise InputUnreadable(f"{directory / ALERTS}: line {number} is no alert of vigie ({error!r})") from None
            statements.setdefault(one.alert_id, []).append(one)
    return decisions, statements


def _decisions(reviews: dict[str, dict[str, Any]]) -> list[Given]:
    second_of = {review["second_review_id"]: key for key, review in reviews.items() if review.get("second_review_id")}
    found: list[Given] = []
    for key, review in reviews.items():
        at, verdict = parse_time(review["time"]), review["verdict"]
        first = second_of.get(key)
        part = "reinstate" if review.get("reason") == REINSTATED else "second" if first else "first"
        common = {"alert_id": review["alert_id"], "at": at, "verdict": verdict}
        given = {**common, "decision_id": key, "part": part, "second_of": first, "reviewer": review.get("reviewer") or None}
        # A verdict that no person put their name to is none on evidence: a program's.
        found.append(msgspec.convert({**given, "weak": not given["reviewer"], "update": review.get("seen_update") or 0}, Given))
        agreed = review.get("second_review_id")
        if agreed and agreed not in reviews:
            found.append(msgspec.convert({**common, "decision_id": agreed, "part": "second", "second_of": key}, Given))
    return found


def _records(path: Path, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for block in Reader(str(path)).blocks():
        for line in block:
            number += 1
            if not line or line.isspace():
                continue
            try:
                record = msgspec.json.decode(line)
                if record["kind"] == kind:
                    if kind == "review":
                        _check(record)
                    yield number, record
            except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
                raise InputUnreadable(f"{path}: line {number} is no {kind} of vigie ({error!r})") from None


def _check(record: dict[str, Any]) -> None:
    parse_time(record["time"])
    for name in ("review_id", "alert_id", "verdict"):
        if not isinstance(record[name], str):
            raise TypeError(name)
    if record["verdict"] not in ("breach", "no_breach", "inconclusive"):
        raise ValueError(record["verdict"])
