"""A week of a provider's traffic, seeded: 70 % registrations, 30 % calls, mostly honest, as JSON lines of the contracts.

Everything comes from one ``random.Random``: the same shape gives the same bytes. Numbers are those that ARCEP keeps for fiction;
the address blocks are real ones, used as fiction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

#: A Monday in summer time; the week stays clear of a change of clocks and of a public holiday.
FIRST_DAY = date(2026, 10, 5)
#: Share of a week's traffic per day, Monday to Sunday.
DAY_SHARES = (0.19, 0.18, 0.18, 0.18, 0.17, 0.06, 0.04)
REGISTRATION_SHARE = 0.7
#: Offices start at 08:00 in Paris (06:00 UTC); softphones register from two hours before to five hours after them.
CALLS_FROM_S, CALLS_TO_S = 6 * 3600, 17 * 3600
REGISTRATIONS_FROM_S, REGISTRATIONS_TO_S = 4 * 3600, 22 * 3600
#: Blocks of the benchmark's country database: where its phones are.
HOME, HOME_MOBILE = "2.0.0.0/12", "37.160.0.0/12"
ABROAD = {
    "109.128": "BE", "80.58": "ES", "85.0": "CH", "105.128": "MA", "86.128": "GB", "71.190": "US", "79.192": "DE", "2.80": "PT",
}  # fmt: skip
AGENTS = (
    "Linphone-Desktop/5.2.6 (pc) linphone-sdk/5.3.72", "LinphoneAndroid/5.2.5 (Pixel 8) LinphoneSDK/5.3.74", "Zoiper v2.10.20.3",
    "LinphoneiOS/5.2.3 (iPhone) LinphoneSDK/5.3.47", "MicroSIP/3.21.5", "Bria 6.5.1 release 109883",
)  # fmt: skip
#: What is called, with its weight: numbers kept for fiction, foreign ones, a few that cost money.
CALLED = (
    ("063998", 4, 46), ("019900", 4, 16), ("026191", 4, 9), ("035301", 4, 9), ("046571", 4, 9), ("053649", 4, 6),
    ("00447700900", 3, 2), ("0032470", 6, 1), ("0034612", 6, 1), ("08999", 5, 0.1),
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """How much traffic. ``events`` counts registrations and calls; account facts come on top."""

    events: int = 1_000_000
    licences: int = 20_000
    tenants: int = 400
    seed: int = 1

    @classmethod
    def of(cls, events: int) -> Shape:
        """The benchmark's density (50 events a week per licence, 50 licences per tenant) for a number of events."""
        licences = max(1, events // 50)
        return cls(events, licences, max(1, licences // 50))

    @cached_property
    def name(self) -> str:
        """What a cached file is called: another generator or another shape never reads an old one."""
        digest = blake2b(Path(__file__).read_bytes(), digest_size=4).hexdigest()
        return f"events-{self.events}-{self.licences}-{self.tenants}-{self.seed}-{digest}"


@dataclass
class _Line:
    """What a licence's records have in common, rendered once."""

    tenant: str
    licence: str
    pbx: str
    whole: bool
    phones: list[tuple[str, str]]
    numbers: list[str]
    colleague: str


class _Town:
    """Who there is, and what their records look like."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.rng = rng = Random(shape.seed)
        self._prefixes = [(prefix, digits) for prefix, digits, _ in CALLED]
        self._weights = list(accumulate(weight for _, _, weight in CALLED))
        self.lines = [self._line(n) for n in range(shape.licences)]
        registering = [rng.lognormvariate(0, 0.5) for _ in self.lines]
        calling = [rng.lognormvariate(0, 0.9) for _ in self.lines]
        # One licence in 5,000 calls a hundred times more than the others: call centres and diallers are what rules are for.
        for n in range(0, shape.licences, 5_000):
            calling[n] = 100.0
        self.registering, self.calling = list(accumulate(registering)), list(accumulate(calling))
        self.serial = 0

    def number(self) -> str:
        prefix, digits = self.rng.choices(self._prefixes, cum_weights=self._weights)[0]
        return f"{prefix}{self.rng.randrange(10**digits):0{digits}}"

    def _line(self, n: int) -> _Line:
        rng, shape = self.rng, self.shape
        t = n % shape.tenants
        tenant, licence = f"t{t:04}", f"{n // shape.tenants + 200}"
        # One in twenty spends the week abroad; the others are at the office. A third have a mobile as second device.
        office, mobile = f"2.{t // 256}.{t % 256}", f"37.160.{rng.randrange(256)}"
        if rng.random() < 0.05:
            block = rng.choice(list(ABROAD))
            office, mobile = f"{block}.{rng.randrange(128)}", f"{block}.{rng.randrange(128, 256)}"
        addresses = [f"{office}.{rng.randrange(2, 250)}"]
        if rng.random() < 0.33:
            addresses.append(f"{mobile}.{rng.randrange(2, 250)}")
        phones = []
        for ip in addresses:
            device = f"urn:uuid:{rng.getrandbits(128):032x}"
            agent = rng.choice(AGENTS)
            contact = f"sip:{licence}@{ip}:{rng.randrange(1024, 65536)};transport=udp"
            calling = f'"device":"{device}","contact":"{contact}","user_agent":"{agent}","source_ip":"{ip}"'
            answered = f'"answered_device":"{device}","answered_contact":"{contact}","answered_user_agent":"{agent}","answered_ip":"{ip}"'
            phones.append((calling, answered))
        pbx = f"pbx-{t % 4 + 1}"
        colleague = f"{(n // shape.tenants + 1) % max(1, shape.licences // shape.tenants) + 200}"
        return _Line(tenant, licence, pbx, t % 4 >= 2, phones, [self.number() for _ in range(rng.randrange(5, 40))], colleague)

    # -- records ---------------------------------------------------------------------------------------------------

    def facts(self) -> Iterator[str]:
        at = '"time":"2026-10-01T00:00:00.000Z"'
        licences = self.shape.licences // self.shape.tenants
        for t in range(self.shape.tenants):
            offer = "unlimited" if t % 5 else "metered"
            yield (
                f'{{"v":1,"kind":"tenant","id":"tenant-{t}",{at},"tenant":"t{t:04}","name":"Customer {t}","offer":"{offer}",'
                f'"softphones_billed":{licences},"billing_day":{t % 28 + 1},"monthly_fee_cents":{licences * 1900},'
                f'"sites":[{{"id":"office","networks":["2.{t // 256}.{t % 256}.0/24"]}}]}}'
            )
        for n, line in enumerate(self.lines):
            kind = "desk_phone" if n % 10 == 9 else "softphone"
            yield (
                f'{{"v":1,"kind":"licence","id":"licence-{n}",{at},"tenant":"{line.tenant}","licence":"{line.licence}","type":"{kind}",'
                f'"aors":["{line.licence}@{line.tenant}.example"],"site":"office","active":true}}'
            )

    def _head(self, kind: str, line: _Line, at: str) -> str:
        self.serial += 1
        return (
            f'{{"v":1,"kind":"{kind}","id":"{line.pbx}-{self.serial:08x}","time":"{at}","pbx":"{line.pbx}","tenant":"{line.tenant}",'
            f'"licence":"{line.licence}","aor":"sip:{line.licence}@{line.tenant}.example",'
        )

    def registration(self, line: _Line, day: str, start: float) -> tuple[float, str]:
        rng = self.rng
        chance = rng.random()
        action = "refresh" if chance < 0.87 else "register" if chance < 0.95 else "unregister" if chance < 0.99 else "failed"
        phone = line.phones[0 if len(line.phones) == 1 or rng.random() < 0.6 else 1][0]
        status = 403 if action == "failed" else 200
        folded = ""
        if action == "refresh" and chance < 0.4:
            folded = f',"count":{rng.randrange(2, 60)},"until":"{_at(day, start + 3540)}"'
        return start, (
            f'{self._head("registration", line, _at(day, start))}"action":"{action}",{phone},"source_port":{rng.randrange(1024, 65536)},'
            f'"transport":"udp","expires_s":{0 if action == "unregister" else 3600},"status":{status}{folded}}}'
        )

    def call(self, line: _Line, day: str, start: float) -> Iterator[tuple[float, str]]:
        """The records of one call, with their seconds of the day."""
        rng = self.rng
        chance = rng.random()
        direction = "outbound" if chance < 0.55 else "inbound" if chance < 0.9 else "internal"
        number = rng.choice(line.numbers) if rng.random() < 0.7 else self.number()
        callee, caller = number, line.licence
        calling, answering = line.phones[-1 if rng.random() < 0.3 else 0]
        who = calling
        more = ""
        if direction == "inbound":
            callee, caller, who = "0199000000", number, answering
        elif direction == "internal":
            callee, more = line.colleague, f',"callee_licence":"{line.colleague}"'
        elif rng.random() < 0.5 and number[:2] != "00":
            more = f',"callee_e164":"+33{number[1:]}"'
        leg = (
            f'"call_id":"{rng.getrandbits(96):024x}@{line.pbx}","leg_id":"1","direction":"{direction}","caller":"{caller}",'
            f'"callee":"{callee}"{more},{who},"media":"audio"'
        )
        ring = 2 + rng.expovariate(1 / 8)
        answered = start + ring if rng.random() < 0.72 else None
        end = start + ring if answered is None else answered + 3 + rng.lognormvariate(4.3, 1.0)
        status, ended_by = (200, rng.choice(("caller", "callee"))) if answered is not None else (487, "caller")
        times = f'"started_at":"{_at(day, start)}"'
        if answered is not None:
            times += f',"answered_at":"{_at(day, answered)}"'
        closing = f'"ended_at":"{_at(day, end)}","status":{status},"ended_by":"{ended_by}"'
        if line.whole:
            yield end, f'{self._head("call", line, _at(day, end))}"phase":"cdr",{leg},{times},{closing}}}'
            return
        yield start, f'{self._head("call", line, _at(day, start))}"phase":"attempt",{leg}}}'
        if answered is not None:
            yield answered, f'{self._head("call", line, _at(day, answered))}"phase":"answer",{leg},{times}}}'
        yield end, f'{self._head("call", line, _at(day, end))}"phase":"end",{leg},{times},{closing}}}'

    def day(self, day: str, registrations: int, calls: int) -> list[tuple[float, str]]:
        rng = self.rng
        found = [
            self.registration(line, day, rng.uniform(REGISTRATIONS_FROM_S, REGISTRATIONS_TO_S))
            for line in rng.choices(self.lines, cum_weights=self.registering, k=registrations)
        ]
        done = 0
        while done < calls:
            line = rng.choices(self.lines, cum_weights=self.calling)[0]
            for record in self.call(line, day, rng.uniform(CALLS_FROM_S, CALLS_TO_S)):
                if done < calls:
                    found.append(record)
                    done += 1
        found.sort(key=lambda record: record[0])
        return found


def _at(day: str, second: float) -> str:
    millisecond = int(second * 1000)
    second_, millisecond = divmod(millisecond, 1000)
    return f"{day}T{second_ // 3600:02}:{second_ // 60 % 60:02}:{second_ % 60:02}.{millisecond:03}Z"


def lines(shape: Shape) -> Iterator[str]:
    """Account facts, then the week's records in the order of their times."""
    town = _Town(shape)
    yield from town.facts()
    left, left_calls = shape.events, shape.events - round(shape.events * REGISTRATION_SHARE)
    for n, share in enumerate(DAY_SHARES):
        last = n == len(DAY_SHARES) - 1
        total = left if last else round(shape.events * share)
        calls = left_calls if last else round(total * (1 - REGISTRATION_SHARE))
        left, left_calls = left - total, left_calls - calls
        day = date.fromordinal(FIRST_DAY.toordinal() + n).isoformat()
        for _, line in town.day(day, total - calls, calls):
            yield line


def write_events(shape: Shape, folder: Path) -> Path:
    """The file of a shape, made unless it is there."""
    path = folder / f"{shape.name}.jsonl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="ascii", buffering=1 << 20) as file:
            for line in lines(shape):
                file.write(line)
                file.write("\n")
        partial.replace(path)
    return path


class _DatedWriter(MMDBWriter):
    """Its build day is said, not read from the clock: the same blocks give the same bytes."""

    def _build_meta(self) -> dict[str, Any]:
        built = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
        return {**super()._build_meta(), "build_epoch": int(built.timestamp())}


def write_country_db(folder: Path) -> Path:
    """A country database of the blocks that the generator uses."""
    path = folder / "countries.mmdb"
    folder.mkdir(parents=True, exist_ok=True)
    writer = _DatedWriter(6, "Bench-Country", languages=["en"], description="made by python -m bench", ipv4_compatible=True)
    blocks = {HOME: "FR", HOME_MOBILE: "FR"} | {f"{start}.0.0/16": country for start, country in ABROAD.items()}
    for block, country in blocks.items():
        writer.insert_network(IPSet([block]), {"country": {"iso_code": country}})
    writer.to_db_file(str(path))
    return path
