"""A provider's afternoon as it happens: many honest licences, and some diallers that each make their 200th call while we watch.

Times are those of the wall clock, so that ingest and its watermark work as they do in production. The diallers' first calls lie in
the hour before: they are sent first, as fast as the broker takes them.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any, NamedTuple

import msgspec

from streams.times import format_time

#: The call that is too many, by ``[rules.autodial] day_attempts_strong``; one each 20 s, nobody answers: a machine, at that rate.
CROSSING, GAP_MS = 200, 20_000
#: A dialler gives up after 15 s; an honest call is answered, and talked for a minute.
RINGS_MS, TALKS_MS = 15_000, 60_000
REGISTRATIONS = 0.7
#: Customers of three diallers stay below the breaker (``[general] breaker_limit``).
LICENCES, DIALLERS = 50, 3
#: Decides by itself; the other rules are as they are without a word of the policy.
POLICY = """\
name = "latency"
[general]
salt = "latency"
[rules.autodial]
mode = "auto"
"""


class Shape(msgspec.Struct, frozen=True):
    """``tenants`` honest customers of 50 licences send ``rate`` events a second; ``crossings`` diallers cross in ``seconds``.

    The background flows for ``settle`` seconds before the first one crosses: by then what lies in the past must be judged.
    """

    crossings: int = 200
    rate: int = 2_000
    tenants: int = 400
    seconds: int = 60
    settle: int = 15
    seed: int = 1

    @property
    def licences(self) -> int:
        """Of the honest customers."""
        return self.tenants * LICENCES


class Sent(NamedTuple):
    """A record: when it is due (ms), where it goes, and whose crossing call it is, if it is one."""

    at: int
    topic: str
    tenant: str
    value: bytes
    crosses: str = ""


def _line(kind: str, at: int, **fields: Any) -> bytes:
    return json.dumps({"v": 1, "kind": kind, "time": format_time(at), **fields}, separators=(",", ":")).encode()


def _account(at: int, tenant: str, licences: int) -> Iterator[Sent]:
    given: dict[str, Any] = {"name": tenant, "offer": "unlimited", "softphones_billed": licences, "monthly_fee_cents": 2_000 * licences}
    yield Sent(at, "accounts", tenant, _line("tenant", at, id=tenant, tenant=tenant, **given))
    for n in range(licences):
        own: dict[str, Any] = {"licence": str(100 + n), "type": "softphone", "aors": [f"{100 + n}@{tenant}.example"]}
        yield Sent(at, "accounts", tenant, _line("licence", at, id=f"{tenant}-{n}", tenant=tenant, **own))


def accounts(shape: Shape, at: int) -> Iterator[Sent]:
    """All customers, a day before everything else."""
    for number in range(shape.tenants):
        yield from _account(at, f"office-{number}", LICENCES)
    for number in range(-(-shape.crossings // DIALLERS)):
        yield from _account(at, f"dialler-{number}", DIALLERS)


def _phone(tenant: str, n: int, network: str) -> dict[str, Any]:
    ip = f"{network}.{n}.10"
    common = {"pbx": "pbx-1", "aor": f"{100 + n}@{tenant}.example", "source_ip": ip, "device": f"{tenant}-{n}"}
    return common | {"user_agent": "Linphone/5.2", "contact": f"sip:{100 + n}@{ip}"}


def _call(at: int, tenant: str, phone: dict[str, Any], ident: str, phase: str, callee: str, **times: int) -> Sent:
    told = {name: format_time(time) for name, time in times.items()}
    fields: dict[str, Any] = {"call_id": f"c{ident}", "direction": "outbound", "callee": callee, "phase": phase} | told
    if phase == "end":
        fields |= {"status": 200, "ended_by": "callee"} if "answered_at" in times else {"status": 487}
    return Sent(at, "calls", tenant, _line("call", at, id=f"{ident}-{phase}", **phone, **fields))


def dialler(number: int, crosses_at: int) -> Iterator[Sent]:
    """The calls of one dialler; the last one crosses the limit."""
    tenant, n = f"dialler-{number // DIALLERS}", number % DIALLERS
    phone = _phone(tenant, n, f"2.{1 + number // 256 % 15}")
    for i in range(1, CROSSING + 1):
        at, ident = crosses_at - (CROSSING - i) * GAP_MS, f"d{number}-{i}"
        callee = f"06399{(number * CROSSING + i) * 7919 % 100_000:05d}"
        begun = _call(at, tenant, phone, ident, "attempt", callee)
        if i == CROSSING:
            yield begun._replace(crosses=f"{tenant}/{100 + n}")
            return
        yield begun
        yield _call(at + RINGS_MS, tenant, phone, ident, "end", callee, started_at=at, ended_at=at + RINGS_MS)


def background(shape: Shape, begin: int) -> Iterator[Sent]:
    """Registrations and calls of the honest, evenly, without an end."""
    dice = Random(shape.seed)
    waiting: list[tuple[int, int, Sent]] = []
    for i in count():
        at = begin + i * 1000 // shape.rate
        if waiting and waiting[0][0] <= at:
            yield heapq.heappop(waiting)[2]
            continue
        who = dice.randrange(shape.licences)
        tenant, n = f"office-{who // LICENCES}", who % LICENCES
        phone = _phone(tenant, n, "2.0")
        if dice.random() < REGISTRATIONS:
            fields: dict[str, Any] = {"action": "refresh", "source_port": 5060, "expires_s": 3600, "status": 200}
            yield Sent(at, "registrations", tenant, _line("registration", at, id=f"o{i}", **phone, **fields))
            continue
        callee, end = f"01990{dice.randrange(100_000):05d}", at + RINGS_MS + TALKS_MS
        yield _call(at, tenant, phone, f"o{i}", "attempt", callee)
        times = {"started_at": at, "answered_at": at + RINGS_MS, "ended_at": end}
        heapq.heappush(waiting, (end, i, _call(end, tenant, phone, f"o{i}", "end", callee, **times)))


def traffic(shape: Shape, begin: int) -> Iterator[Sent]:
    """Everything in the order of its times; the background begins at ``begin`` (ms), and has no end."""
    # Evenly, so that no two cross at once.
    each = shape.seconds * 1000 / shape.crossings
    diallers = [dialler(number, begin + shape.settle * 1000 + round(number * each)) for number in range(shape.crossings)]
    return heapq.merge(background(shape, begin), *diallers, key=lambda sent: sent.at)
