"""Records of the topics, as a consumer gives them, into the database."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import delete
from sqlalchemy.orm import Session

from console import receipts, taking
from console.db.tables import Licence, Suspension, SuspensionRecord, Tenant

log = logging.getLogger(__name__)
#: What goes wrong when a record is not what the contracts say.
BAD = (KeyError, ValueError, TypeError, AttributeError, IndexError)


class Fetched(Protocol):
    """A record of a consumer; ``timestamp`` (ms) is the broker's on our topics."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


def take(session: Session, topic: str, records: Sequence[Fetched], now: int) -> int:
    """Take in a block of one partition; returns how many were refused. One that is not as the contracts say spoils no other."""
    try:
        with session.begin_nested():
            _take(session, topic, records, now)
        return 0
    except BAD:
        refused = 0
        for record in records:
            try:
                with session.begin_nested():
                    _take(session, topic, [record], now)
            except BAD as error:
                refused += 1
                log.warning("%s/%d %d is not as the contracts say (%r): passed over", record.topic, record.partition, record.offset, error)
        return refused


def _take(session: Session, topic: str, records: Iterable[Fetched], now: int) -> None:
    by_kind: dict[str, list[tuple[dict[str, Any], Fetched]]] = defaultdict(list)
    for record in records:
        if record.value is None:
            _forget(session, topic, (record.key or b"").decode("utf-8", "replace"))
            continue
        body = json.loads(record.value)
        if body.get("v", 1) != 1:
            raise ValueError(f"version {body['v']}")
        by_kind[body["kind"]].append((body, record))
    alerts = [body for body, _ in by_kind["alert"]]
    taking.alerts(session, alerts, now)
    _bring_forward(session, alerts, now)
    for body, _ in by_kind["breaker"]:
        taking.breaker(session, body, now)
    for body, record in by_kind["suspension"]:
        # When the broker had it, not when we read it: the half minute for a receipt runs from there.
        taking.suspensions(session, [body], record.timestamp)
        receipts.settle_known(session, body)
    taking.metering(session, [body for body, _ in by_kind["metering"]])
    for body, record in by_kind["receipt"]:
        tenant, _, licence = (record.key or b"").decode("utf-8", "replace").partition("/")
        taking.receipts(session, [(body, tenant, licence)], record.timestamp)
        receipts.settle(session, body, tenant, licence)
    for body, record in by_kind["heartbeat"]:
        taking.heartbeat(session, body, record.timestamp)
    for kind in ("tenant", "licence", "exemption"):
        for body, _ in by_kind[kind]:
            taking.fact(session, body, now)


def _bring_forward(session: Session, alerts: Sequence[dict[str, Any]], now: int) -> None:
    """The suspension that an alert caused may have come first: they are on two topics."""
    for tenant, licence in {(one["tenant"], one["licence"]) for one in alerts if one["licence"]}:
        standing = session.get(Suspension, (tenant, licence))
        if standing is not None:
            taking.deadlines(session, standing.body, now)


def _forget(session: Session, topic: str, key: str) -> None:
    """A tombstone: the fact or the licence is to be forgotten."""
    row: Any = None
    if topic == "accounts":
        kind, _, key = key.partition("/")
        tenant, _, licence = key.partition("/")
        if kind in ("tenant", "licence"):
            row = session.get(Tenant, tenant) if kind == "tenant" else session.get(Licence, (tenant, licence))
    elif topic == "suspensions":
        tenant, _, licence = key.partition("/")
        row = session.get(Suspension, (tenant, licence))
        gone = delete(SuspensionRecord).where(SuspensionRecord.tenant == tenant, SuspensionRecord.licence == licence)
        session.execute(gone)
    if row is not None:
        session.delete(row)
    session.flush()
