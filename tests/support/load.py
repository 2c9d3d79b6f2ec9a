"""A provider's traffic that puts detection to the test while all fails: restrictions made, relaxed and lifted within two hours."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.times import format_time
from support.files import aor, line

LICENCES = 5
#: What is restricted, relaxed after an hour and lifted at midnight lies in the two hours around it, under load and failures. More
#: event time in the same seconds would not do: what a killed ingest says again must be in the log's last hour to be known.
HOURS_MS, DAY_MS = 7_200_000, 86_400_000
POLICY = """\
name = "failures"
[general]
salt = "failures"
review_by_hours = 1
[rules.abroad-stay]
mode = "auto"
notice_days = 1
breach_days = 2
min_call_days = 1
[rules.autodial]
mode = "auto"
"""


class Shape(msgspec.Struct, frozen=True):
    """What is sent: about ``events`` good ones, and of each hundred so many bad, repeated, contradicting and late ones."""

    events: int
    poison: int = 0
    repeats: int = 0
    conflicts: int = 0
    late: int = 0
    seed: int = 1

    @property
    def customers(self) -> int:
        """So many that no ordinary licence makes 40 calls in the two hours."""
        return max(12, self.events // 750)


class Sent(NamedTuple):
    """One record, and what must become of it."""

    topic: str
    tenant: str
    value: bytes
    fate: str


def midnight(now_ms: int) -> int:
    """The last midnight in Paris that is more than an hour ago, ms."""
    before = datetime.fromtimestamp((now_ms - HOURS_MS // 2) / 1000, UTC).astimezone(ZoneInfo("Europe/Paris"))
    return round(before.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def tenant_of(number: int) -> str:
    """Name of a customer."""
    return f"customer-{number}"


def facts(shape: Shape, at: int) -> Iterator[Sent]:
    """Accounts of all customers."""
    for number in range(shape.customers):
        tenant = tenant_of(number)
        given: dict[str, Any] = {"name": tenant, "offer": "unlimited", "softphones_billed": LICENCES, "monthly_fee_cents": 10_000}
        yield Sent("accounts", tenant, line("tenant", at, id=f"t{number}", tenant=tenant, **given), "accepted")
        for n in range(LICENCES):
            own: dict[str, Any] = {"licence": str(100 + n), "type": "softphone", "aors": [aor(tenant, n)]}
            yield Sent("accounts", tenant, line("licence", at, id=f"l{number}-{n}", tenant=tenant, **own), "accepted")


def _place(number: int, n: int, ip: str) -> dict[str, Any]:
    tenant = tenant_of(number)
    common = {"pbx": "pbx-1", "aor": aor(tenant, n), "source_ip": ip, "device": f"{tenant}-{n}", "user_agent": "Linphone/5.2"}
    return common | {"contact": f"sip:{100 + n}@{ip}"}


def _registration(at: int, number: int, n: int, ip: str, ident: str) -> tuple[int, str, str, bytes]:
    fields = {"action": "refresh", "source_port": 5060, "expires_s": 3600, "status": 200}
    return at, "registrations", tenant_of(number), line("registration", at, id=ident, **_place(number, n, ip), **fields)


def _call(at: int, number: int, n: int, ip: str, ident: str, phase: str, **fields: Any) -> tuple[int, str, str, bytes]:
    given: dict[str, Any] = {"call_id": f"c{ident}", "direction": "outbound", "callee": "0612345678"} | fields
    return at, "calls", tenant_of(number), line("call", at, id=f"{ident}-{phase}", phase=phase, **_place(number, n, ip), **given)


def _whole(end: int, number: int, n: int, ip: str, ident: str, callee: str, talk_s: int) -> tuple[int, str, str, bytes]:
    times = {"started_at": end - talk_s * 1000 - 5_000, "answered_at": end - talk_s * 1000, "ended_at": end}
    said = {name: format_time(at) for name, at in times.items()}
    return _call(end, number, n, ip, ident, "cdr", callee=callee, status=200, ended_by="callee", **said)


def stays(shape: Shape, zero: int) -> Iterator[tuple[int, str, str, bytes]]:
    """Licence 0 of each third customer is abroad for the three days before; of each sixth it comes home on the last, so it is lifted."""
    for day in range(3):
        for hour in (9, 10, 11):
            for number in range(0, shape.customers, 3):
                home = number % 6 == 0 and day == 2
                ip = "2.0.0.10" if home else f"5.{1 + day % 2}.0.10"
                at, ident = zero - (3 - day) * DAY_MS + hour * 3_600_000 + number, f"s{day}-{hour}-{number}"
                yield _whole(at, number, 0, ip, ident, "0611111111", 90) if hour == 10 else _registration(at, number, 0, ip, ident)


def dialler(number: int, zero: int) -> Iterator[tuple[int, str, str, bytes]]:
    """A call each 15 s for an hour and a half, of which each seventh is answered, in phases."""
    for i in range(360):
        at, ident = zero - 3_500_000 + number * 997 + i * 15_000, f"d{number}-{i}"
        callee, start = f"07{i * 7919 % 10**8:08d}", {"started_at": format_time(at)}
        yield _call(at, number, 1, "2.0.0.11", ident, "attempt", callee=callee, **start)
        if i % 7 == 0:
            answered = {"answered_at": format_time(at + 4_000)}
            yield _call(at + 4_000, number, 1, "2.0.0.11", ident, "answer", callee=callee, **start, **answered)
            ended = {"ended_at": format_time(at + 8_000), "status": 200, "ended_by": "caller"}
            yield _call(at + 8_000, number, 1, "2.0.0.11", ident, "end", callee=callee, **start, **answered, **ended)
        else:
            ended = {"ended_at": format_time(at + 12_000), "status": 487, "ended_by": "caller"}
            yield _call(at + 12_000, number, 1, "2.0.0.11", ident, "end", callee=callee, **start, **ended)


def ordinary(shape: Shape, zero: int) -> Iterator[tuple[int, str, str, bytes]]:
    """Registrations of the others, and calls of a minute or two, evenly over the two hours."""
    others = [(number, n) for n in (2, 3, 4) for number in range(shape.customers)]
    diallers = len(range(1, shape.customers, 6))
    count = max(len(others), shape.events - diallers * 772 - 9 * len(range(0, shape.customers, 3)))
    for i in range(count):
        number, n = others[i % len(others)]
        at, ip = zero - HOURS_MS // 2 + i * HOURS_MS // count, f"2.0.{number % 200}.{10 + n}"
        if i // len(others) % 5:
            yield _registration(at, number, n, ip, f"o{i}")
        else:
            yield _whole(at, number, n, ip, f"o{i}", f"06{i * 7919 % 10**8:08d}", 30 + i * 37 % 170)


def under_load(shape: Shape, zero: int) -> Iterator[Sent]:
    """The two hours around midnight, in time, with what goes wrong in them."""
    dice = Random(shape.seed)
    sources = [dialler(number, zero) for number in range(1, shape.customers, 6)]
    again: list[Sent] = []
    held: list[tuple[int, Sent]] = []
    for i, (_, topic, tenant, value) in enumerate(heapq.merge(ordinary(shape, zero), *sources)):
        one = Sent(topic, tenant, value, "accepted")
        draw = dice.randrange(100)
        if draw < shape.late:
            # A hundredth of what is sent is a hundredth of the two hours: these come one to four minutes later.
            heapq.heappush(held, (i + shape.events * dice.randrange(1, 4) // 100, one))
        else:
            yield one
            if draw < shape.late + shape.repeats:
                again.append(one._replace(fate="duplicate"))
            elif draw < shape.late + shape.repeats + shape.conflicts:
                again.append(one._replace(value=value.replace(b"Linphone/5.2", b"Other/1.0"), fate="dead"))
        if len(again) > 20:
            yield again.pop(dice.randrange(len(again)))
        while held and held[0][0] <= i:
            yield heapq.heappop(held)[1]
        if dice.randrange(100) < shape.poison:
            yield Sent(topic, tenant, _poison(i, value), "dead")
    yield from (one for _, one in sorted(held))
    yield from again


def _poison(i: int, value: bytes) -> bytes:
    forms = (value[: len(value) // 2], b"\xff\xfe\x00", b"[]", value.replace(b'"v":1', b'"v":7'), value.replace(b'"time":"2', b'"time":"x'))
    return forms[i % len(forms)]
