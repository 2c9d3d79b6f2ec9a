#!/usr/bin/env python3
"""Makes a small city: six customers of a hosted-telephony provider, 60 licences, 120 days; most are honest.

    python samples/make_city.py --out DIR [--seed 1] [--days 120]

Writes ``facts.jsonl``, ``registrations.jsonl.gz`` and ``calls.jsonl.gz`` (wire contracts, version 1) and ``city.mmdb`` (where its
address blocks are). The same arguments give the same bytes. The days end on 31 October 2026; a shorter city keeps the last ones.

Who lives there, and what vigie should say of them, is the table of ``samples/README.md``; ``STORIES`` below says it in a line
each. Numbers are those that ARCEP keeps for fiction. Address blocks are real ones (reserved ones have no country), used as
fiction: the people and what they do are invented. Nothing here knows a threshold; it only knows how people use telephones.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from mmdb_writer import MMDBWriter
from netaddr import IPSet

PARIS = ZoneInfo("Europe/Paris")
LAST_DAY = date(2026, 10, 31)
DAYS = 120
#: French public holidays of the period that fall on a working day.
HOLIDAYS = (date(2026, 7, 14),)
#: Day the country database was "built": late enough for the last event, so that no location is judged by an old one.
BUILT = date(2026, 10, 1)

BLOCKS = {
    "2.0.0.0/12": "FR", "37.160.0.0/12": "FR", "80.58.0.0/16": "ES", "2.80.0.0/14": "PT", "105.128.0.0/11": "MA",
    "85.0.0.0/13": "CH", "109.128.0.0/14": "BE",
}  # fmt: skip

#: (customer, licence, story): what is out of the ordinary, one line each.
STORIES = (
    ("atelier-lumiere", "207", "three weeks of holiday in Spain with the app"),
    ("atelier-lumiere", "210 211 212", "sales: fifty calls a day, with pauses, voicemails and customers who call back"),
    ("messagers-du-sud", "301-308", "drivers: thirty short calls a day to doors they will never call again"),
    ("azur-contact", "401-404", "a call centre that said so when it ordered, with an exemption for dialling from lists"),
    ("cabinet-fontaine", "503", "lives in Lisbon for 75 days"),
    ("cabinet-fontaine", "505", "works in Geneva and sleeps in France, with an exemption"),
    ("cabinet-fontaine", "506", "two people, one in Lyon and one in Lille, on one account for two weeks"),
    ("horizon-conseil", "601-605", "a call centre that did not say so, for six weeks"),
    ("horizon-conseil", "606", "95 days in Morocco in three trips"),
    ("horizon-conseil", "607", "a dialler, two afternoons long"),
    ("mairie-valfleur", "701-710", "a PBX that gives call records only: one of them is abroad, and nobody can know"),
)

AGENTS = {
    "desktop": ("Linphone-Desktop/5.2.6 (pc) linphone-sdk/5.3.72", "MicroSIP/3.21.5", "Zoiper v2.10.20.3"),
    "mobile": ("LinphoneAndroid/5.2.5 (Pixel 8) LinphoneSDK/5.3.74", "LinphoneiOS/5.2.3 (iPhone) LinphoneSDK/5.3.47"),
    "desk": ("Yealink SIP-T46U 108.86.0.118",),
}
#: Ranges for fiction (decision 2018-0881 of ARCEP, annex): 10,000 numbers each.
FICTION = ("063998", "019900", "026191", "035301", "046571", "053649")
FICTION_WEIGHTS = (50, 14, 9, 9, 9, 9)


@dataclass
class Phone:
    """One app or one telephone."""

    device: str | None
    agent: str
    kind: str
    contact: str


@dataclass
class Line:
    """One licence and the person behind it."""

    tenant: str
    name: str
    pbx: str
    type: str
    number: str
    phones: list[Phone]
    contacts: list[str]

    @property
    def aor(self) -> str:
        """Its address of record."""
        return f"{self.name}@{self.tenant}.example"


@dataclass(frozen=True)
class Place:
    """Where a person is: the address their phone is seen from."""

    ip: str


@dataclass
class City:
    """Everything that happens, in no order; sorted when written."""

    rng: Random
    days: list[date]
    facts: list[dict[str, Any]] = field(default_factory=list)
    registrations: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    calls: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    #: Refreshes of so long become one record.
    fold_ms: int = 3_600_000

    # -- time ------------------------------------------------------------------------------------------------------

    def midnight(self, day: date) -> int:
        """Milliseconds of the first instant of a day in Paris."""
        return int(datetime.combine(day, time(), PARIS).timestamp()) * 1000

    def between(self, first: str, last: str) -> list[date]:
        """The city's days from one date to another, both included."""
        return [day for day in self.days if first <= day.isoformat() <= last]

    # -- people ----------------------------------------------------------------------------------------------------

    def number(self) -> str:
        """A number for fiction, as dialled in France."""
        return f"{self.rng.choices(FICTION, FICTION_WEIGHTS)[0]}{self.rng.randrange(10_000):04}"

    def own_number(self) -> str:
        """A number for fiction that a licence has."""
        return f"0199{self.rng.randrange(10_000):06}"

    def phone(self, kind: str, user: str, named: bool = True) -> Phone:
        """A new phone; without a name its app sends no instance id (RFC 5626)."""
        device = f"urn:uuid:{self.rng.getrandbits(128):032x}" if named else None
        port = self.rng.randrange(1024, 65_536)
        return Phone(device, self.rng.choice(AGENTS[kind]), kind, f"sip:{user}@{{ip}}:{port};transport=tls")

    def line(
        self, tenant: str, name: str, pbx: str, kinds: Sequence[str], contacts: int = 30, named: bool = True, type_: str = "softphone"
    ) -> Line:
        """A licence with its phones and the people it calls; also says so to the provider."""
        line = Line(
            tenant, name, pbx, type_, self.own_number(),
            [self.phone(kind, name, named) for kind in kinds], [self.number() for _ in range(contacts)],
        )  # fmt: skip
        self.fact(
            "licence", f"licence-{tenant}-{name}", tenant=tenant, licence=name, type=type_, aors=[line.aor],
            numbers=[f"+33{line.number[1:]}"], user=f"u-{blake2b(line.aor.encode(), digest_size=4).hexdigest()}", active=True,
        )  # fmt: skip
        return line

    def fact(self, kind: str, id_: str, **fields: Any) -> None:
        """Something that provisioning says before the first day."""
        at = utc(self.midnight(self.days[0]) - 3_600_000)
        self.facts.append({"v": 1, "kind": kind, "id": id_, "time": at, **fields})

    def customer(self, tenant: str, name: str, billed: int, network: str | None, **fields: Any) -> None:
        """A tenant's facts."""
        sites = [{"id": "siege", "networks": [network]}] if network else []
        self.fact(
            "tenant", f"tenant-{tenant}", tenant=tenant, name=name, softphones_billed=billed, billing_day=1, extension_lengths=[3],
            monthly_fee_cents=billed * 1_900, sites=sites, **fields,
        )  # fmt: skip

    # -- registrations ---------------------------------------------------------------------------------------------

    def _registration(self, line: Line, phone: Phone, at: int, action: str, place: Place, **fields: Any) -> None:
        at += self.rng.randrange(1000)
        record = {
            "v": 1, "kind": "registration", "id": _id(line.pbx, line.aor, phone.contact, action, at), "time": _time(at, line.pbx),
            "pbx": line.pbx, "action": action, "aor": f"sip:{line.aor}", "device": phone.device,
            "contact": phone.contact.format(ip=place.ip), "user_agent": phone.agent, "source_ip": place.ip,
            "source_port": self.rng.randrange(1024, 65_536), "transport": "tls", **fields,
        }  # fmt: skip
        self.registrations.append((at, record))

    def online(self, line: Line, phone: Phone, day: date, begin_h: float, end_h: float, place: Place) -> None:
        """A phone that is switched on from one hour to another; the PBX's collector folds refreshes."""
        zero = self.midnight(day)
        begin, end = (zero + int(hour * 3_600_000) + self.rng.randrange(600_000) for hour in (begin_h, end_h))
        every = 300_000 if phone.kind == "mobile" else 1_200_000
        self._registration(line, phone, begin, "register", place, expires_s=every // 500, status=200)
        at = begin + every
        while at < end:
            count = min(self.fold_ms // every, (end - at) // every + 1)
            fold = {"count": count, "until": _time(at + (count - 1) * every, line.pbx)} if count > 1 else {}
            self._registration(line, phone, at, "refresh", place, expires_s=every // 500, status=200, **fold)
            at += count * every
        self._registration(line, phone, end, "expire" if phone.kind == "mobile" else "unregister", place, expires_s=0, status=200)

    def mistyped(self, line: Line, day: date, hour: float, place: Place) -> None:
        """A new password that one app did not know yet."""
        begin = self.midnight(day) + int(hour * 3_600_000)
        for n in range(self.rng.randrange(2, 7)):
            at = begin + n * 12_000
            fold = {"count": 4, "until": _time(at + 9_000, line.pbx)}
            self._registration(line, line.phones[0], at, "failed", place, status=403, **fold)

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(
        self, line: Line, at: int, callee: str, talk_s: float | None, place: Place | None, *, ring_s: float = 6,
        direction: str = "outbound", phone: Phone | None = None, caller: str | None = None, ended_by: str | None = None,
        status: int | None = None, **fields: Any,
    ) -> int:  # fmt: skip
        """One call, told as the line's PBX tells it; returns when it ended. ``talk_s`` None: nobody answered."""
        phone = phone or line.phones[0]
        answered = None if talk_s is None else at + int(ring_s * 1000)
        ended = at + int(ring_s * 1000) if answered is None else answered + int((talk_s or 0) * 1000)
        call_id = f"{self.rng.getrandbits(64):016x}@{line.pbx}"
        outgoing = direction != "inbound"
        leg: dict[str, Any] = {
            "pbx": line.pbx, "call_id": call_id, "leg_id": "1", "direction": direction,
            **({"aor": f"sip:{line.aor}"} if outgoing else {"aor": f"trunk@{line.pbx}.example", "callee_aor": line.aor}),
            "caller": caller or (line.name if direction == "internal" else line.number), "callee": callee, **fields,
        }  # fmt: skip
        if outgoing and direction != "internal" and callee[0] == "0" and callee[1] != "0":
            leg["callee_e164"] = f"+33{callee[1:]}"
        who: dict[str, Any] = {}
        if place is not None:
            who = {"device": phone.device, "contact": phone.contact.format(ip=place.ip), "user_agent": phone.agent, "source_ip": place.ip}
            if not outgoing:
                names = {"source_ip": "answered_ip"}
                who = {names.get(name, f"answered_{name}"): value for name, value in who.items()}
        status = status or (200 if answered is not None else 487)
        ending = {
            "started_at": _time(at, line.pbx), "answered_at": _time(answered, line.pbx) if answered is not None else None,
            "ended_at": _time(ended, line.pbx), "status": status, "ended_by": ended_by or ("caller" if answered is None else "callee"),
        }  # fmt: skip
        steps: list[tuple[str, int, dict[str, Any]]]
        if line.pbx == "pbx-paris":
            # The place of an answering phone is known once it has answered.
            steps = [("attempt", at, who if outgoing else {})]
            if answered is not None:
                steps.append(("answer", answered, {**who, "started_at": ending["started_at"], "answered_at": ending["answered_at"]}))
            steps.append(("end", ended, {**(who if outgoing or answered is not None else {}), **ending}))
        else:
            steps = [("cdr", ended, {**(who if outgoing or answered is not None else {}), **ending})]
        for phase, when, more in steps:
            head = {"v": 1, "kind": "call", "id": _id(line.pbx, call_id, phase), "time": _time(when, line.pbx), "phase": phase}
            self.calls.append((when, {**head, **leg, **more}))
        return ended

    def talk(self, minutes: float) -> float:
        """Seconds of an ordinary conversation of about so many minutes."""
        return 7 + self.rng.lognormvariate(0, 0.8) * minutes * 45

    def callee(self, line: Line, regular: float) -> str:
        """Somebody the line knows, or somebody new."""
        return self.rng.choice(line.contacts) if self.rng.random() < regular else self.number()

    def busy_day(
        self, line: Line, day: date, count: int, place: Place | None, *, begin_h: float = 8.6, end_h: float = 18.0, minutes: float = 2.5,
        inbound: float = 0.4, regular: float = 0.75, answered: float = 0.72, phone: Phone | None = None,
    ) -> None:  # fmt: skip
        """So many calls of one person, one after the other, with the pauses people make."""
        rng, zero = self.rng, self.midnight(day)
        starts = sorted(rng.uniform(begin_h, 12.3) if rng.random() < 0.55 else rng.uniform(13.7, end_h) for _ in range(count))
        free = 0
        for hour in starts:
            at = max(zero + int(hour * 3_600_000), free)
            if at > zero + end_h * 3_600_000 + 1_800_000:
                break
            talk = self.talk(minutes) if rng.random() < answered else None
            if rng.random() < inbound:
                caller = self.callee(line, regular)
                ring = rng.uniform(2, 12) if talk is not None else rng.uniform(15, 30)
                free = self.call(line, at, line.number, talk, place, ring_s=ring, direction="inbound", caller=caller, phone=phone)
            else:
                # Who does not answer is busy, lets the network say so, or rings until the caller gives up.
                chance = rng.random()
                if talk is not None:
                    ring, status, ended_by = rng.uniform(3, 14), 200, "callee"
                elif chance < 0.3:
                    ring, status, ended_by = 1.5, 486, "callee"
                elif chance < 0.6:
                    ring, status, ended_by = rng.uniform(22, 35), 487, "caller"
                else:
                    ring, status, ended_by = rng.uniform(22, 35), 480, "network"
                callee = self.callee(line, regular)
                free = self.call(line, at, callee, talk, place, ring_s=ring, phone=phone, status=status, ended_by=ended_by)
            free += int(rng.expovariate(1 / 60_000)) + 8_000

    def desk_neighbour(self, line: Line, other: Line, day: date, place: Place | None) -> None:
        """A short internal call."""
        at = self.midnight(day) + int(self.rng.uniform(8.6, 17.5) * 3_600_000)
        self.call(
            line, at, other.name, self.talk(1), place, ring_s=3, direction="internal", callee_aor=other.aor, callee_licence=other.name,
        )  # fmt: skip

    def emergency(self, line: Line, day: date, number: str, place: Place | None) -> None:
        """Somebody calls for help; no rule may ever count it."""
        at = self.midnight(day) + int(self.rng.uniform(8, 18) * 3_600_000)
        self.call(line, at, number, self.talk(2), place, ring_s=2, emergency=True)


def working(day: date) -> bool:
    """Whether offices are open."""
    return day.weekday() < 5 and day not in HOLIDAYS


def chance_of(city: City, mean: float) -> int:
    """A number of calls around a mean."""
    return max(0, round(city.rng.gauss(mean, mean**0.5)))


def office_day(city: City, line: Line, day: date, place: Place | None, calls: float, **how: Any) -> None:
    """The PC from morning to evening, and an ordinary number of calls."""
    if place is not None:
        city.online(line, line.phones[0], day, 8.3, 18.1, place)
    city.busy_day(line, day, chance_of(city, calls), place, **how)


# -- the six customers -------------------------------------------------------------------------------------------------------------


def atelier_lumiere(city: City) -> None:
    """An honest office and an honest sales team."""
    tenant, pbx, office = "atelier-lumiere", "pbx-paris", Place("2.3.10.20")
    city.customer(tenant, "Atelier Lumière", 12, "2.3.10.0/24", offer="unlimited")
    staff = [city.line(tenant, str(n), pbx, ["desktop"]) for n in range(201, 207)]
    traveller = city.line(tenant, "207", pbx, ["desktop", "mobile"])
    sales = [city.line(tenant, str(n), pbx, ["desktop"], contacts=110, named=n != 212) for n in range(210, 213)]
    desk = [city.line(tenant, str(n), pbx, ["desk"], type_="desk_phone") for n in (220, 221)]
    beach = set(city.between("2026-08-01", "2026-08-21"))
    for day in city.days:
        for line in desk:
            city.online(line, line.phones[0], day, 0.0, 23.8, office)
        if day in beach:
            seaside = Place("80.58.61.77")
            city.online(traveller, traveller.phones[1], day, 9.0, 21.0, seaside)
            if city.rng.random() < 0.3:
                city.busy_day(traveller, day, 2, seaside, phone=traveller.phones[1], end_h=20.0)
            if not working(day):
                continue
        if not working(day):
            continue
        for line in staff:
            if city.rng.random() < 0.92:
                office_day(city, line, day, office, 7)
        for line in desk:
            city.busy_day(line, day, chance_of(city, 5), office)
        if day not in beach:
            office_day(city, traveller, day, office, 7)
        for line in sales:
            if city.rng.random() < 0.95:
                office_day(city, line, day, office, 46, minutes=1.3, inbound=0.22, regular=0.8)
        if city.rng.random() < 0.6:
            city.desk_neighbour(staff[0], staff[1], day, office)
        if city.rng.random() < 0.03:
            city.mistyped(staff[2], day, 8.4, office)
        if city.rng.random() < 0.05:
            city.emergency(city.rng.choice(staff), day, city.rng.choice(("112", "15", "18")), office)


def messagers_du_sud(city: City) -> None:
    """Drivers who call each door once, from the road, and their dispatchers."""
    tenant, pbx = "messagers-du-sud", "pbx-lyon"
    depot = Place("2.3.40.8")
    city.customer(tenant, "Les Messagers du Sud", 10, "2.3.40.0/24", offer="unlimited")
    drivers = [city.line(tenant, str(n), pbx, ["mobile"]) for n in range(301, 309)]
    dispatch = [city.line(tenant, str(n), pbx, ["desktop"], contacts=60) for n in (310, 311)]
    for day in city.days:
        if day.weekday() == 6 or day in HOLIDAYS:
            continue
        for n, line in enumerate(drivers):
            if city.rng.random() < 0.8:
                road = Place(f"37.{160 + n}.{city.rng.randrange(256)}.{city.rng.randrange(2, 250)}")
                city.online(line, line.phones[0], day, 6.5, 16.0, road)
                count = chance_of(city, 28)
                city.busy_day(line, day, count, road, begin_h=7.2, end_h=15.5, minutes=0.5, inbound=0.12, regular=0.05, answered=0.8)
        for line in dispatch:
            if working(day):
                office_day(city, line, day, depot, 22, inbound=0.6)
        if city.rng.random() < 0.04:
            city.emergency(city.rng.choice(drivers), day, "112", Place("37.171.4.9"))


def azur_contact(city: City) -> None:
    """A call centre, declared when it ordered."""
    tenant, pbx, office = "azur-contact", "pbx-lyon", Place("2.4.77.5")
    city.customer(tenant, "Azur Contact", 6, "2.4.77.0/24", offer="metered", call_centre_declared=True)
    agents = [city.line(tenant, str(n), pbx, ["desktop"]) for n in range(401, 405)]
    managers = [city.line(tenant, str(n), pbx, ["desktop", "mobile"]) for n in (410, 411)]
    city.fact(
        "exemption", "exemption-azur", tenant=tenant, exemption_id="exemption-azur", rules=["autodial"],
        **{"from": "2026-06-01T00:00:00+02:00", "to": "2026-12-31T00:00:00+01:00"},
        author="lea.martin", second="marc.dubois", reason="declared call centre, agents dial from lists",
    )  # fmt: skip
    for day in city.days:
        if not working(day):
            continue
        for line in agents:
            if city.rng.random() < 0.95:
                office_day(city, line, day, office, 95, minutes=1.6, inbound=0.05, regular=0.02, answered=0.6)
        for line in managers:
            office_day(city, line, day, office, 6)


def cabinet_fontaine(city: City) -> None:
    """Accountants: one lives abroad, one works abroad with permission, one account has two users."""
    tenant, pbx, office = "cabinet-fontaine", "pbx-paris", Place("2.5.18.33")
    city.customer(tenant, "Cabinet Fontaine", 8, "2.5.18.0/24", offer="unlimited")
    staff = [city.line(tenant, str(n), pbx, ["desktop"]) for n in (501, 502, 504, 507, 508)]
    away = city.line(tenant, "503", pbx, ["desktop"])
    border = city.line(tenant, "505", pbx, ["desktop"])
    shared = city.line(tenant, "506", pbx, ["desktop", "desktop"])
    city.fact(
        "exemption", "exemption-505", tenant=tenant, licence="505", exemption_id="exemption-505", rules=["abroad-stay", "abroad-total"],
        **{"from": "2026-06-01T00:00:00+02:00", "to": "2026-12-31T00:00:00+01:00"},
        author="lea.martin", second="marc.dubois", reason="works at the Geneva office, lives in Annemasse",
    )  # fmt: skip
    lisbon = set(city.between("2026-08-03", "2026-10-16"))
    two_users = set(city.between("2026-09-14", "2026-09-25"))
    lyon, lille = Place("2.6.1.40"), Place("2.7.200.11")
    for day in city.days:
        if day in lisbon:
            flat, cafe = Place("2.80.14.51"), Place("2.81.90.6")
            city.online(away, away.phones[0], day, 8.0, 18.5, flat)
            if city.rng.random() < (0.9 if working(day) else 0.3):
                city.busy_day(away, day, chance_of(city, 4) + 1, cafe if city.rng.random() < 0.4 else flat)
        if not working(day):
            continue
        for line in staff:
            if city.rng.random() < 0.92:
                office_day(city, line, day, office, 7)
        if day not in lisbon:
            office_day(city, away, day, office, 7)
        office_day(city, border, day, Place("85.1.33.9"), 7)
        office_day(city, shared, day, lyon, 6)
        if day in two_users:
            city.online(shared, shared.phones[1], day, 8.8, 17.5, lille)
            for hour in (9.4, 11.2, 14.6, 16.3):
                at = city.midnight(day) + int((hour + city.rng.random() / 4) * 3_600_000)
                city.call(shared, at, city.callee(shared, 0.8), 300 + city.rng.randrange(240), lyon)
                if city.rng.random() < 0.7:
                    second = at + 40_000 + city.rng.randrange(60_000)
                    city.call(shared, second, city.callee(shared, 0.8), 200 + city.rng.randrange(200), lille, phone=shared.phones[1])
        if city.rng.random() < 0.5:
            city.desk_neighbour(staff[0], staff[3], day, office)
        if city.rng.random() < 0.04:
            city.emergency(city.rng.choice(staff), day, city.rng.choice(("112", "15")), office)


def horizon_conseil(city: City) -> None:
    """Consultants, of whom five are a call centre, one travels too much, and one bought a dialler."""
    tenant, pbx, office = "horizon-conseil", "pbx-paris", Place("2.8.60.14")
    city.customer(tenant, "Horizon Conseil", 14, "2.8.60.0/24", offer="unlimited")
    centre = [city.line(tenant, str(n), pbx, ["desktop"]) for n in range(601, 606)]
    traveller = city.line(tenant, "606", pbx, ["desktop"])
    dialler = city.line(tenant, "607", pbx, ["desktop"])
    staff = [city.line(tenant, str(n), pbx, ["desktop"]) for n in range(608, 615)]
    campaign = set(city.between("2026-09-01", "2026-10-12"))
    trips = [("2026-07-05", "2026-08-05"), ("2026-08-13", "2026-09-13"), ("2026-09-18", "2026-10-18")]
    morocco = {day for first, last in trips for day in city.between(first, last)}
    robot_days = set(city.between("2026-09-22", "2026-09-23"))
    for day in city.days:
        if day in morocco:
            riad = Place("105.129.8.20" if day.day % 3 else "105.140.61.7")
            city.online(traveller, traveller.phones[0], day, 8.5, 19.0, riad)
            if working(day):
                city.busy_day(traveller, day, chance_of(city, 5), riad)
        elif working(day) or day.weekday() == 6:
            office_day(city, traveller, day, office, 4 if working(day) else 0)
        if not working(day):
            continue
        for line in centre:
            if day in campaign:
                if city.rng.random() < 0.96:
                    office_day(city, line, day, office, 110, minutes=1.7, inbound=0.04, regular=0.02, answered=0.62)
            else:
                office_day(city, line, day, office, 6)
        for line in staff:
            if city.rng.random() < 0.92:
                office_day(city, line, day, office, 7)
        if day in robot_days:
            city.online(dialler, dialler.phones[0], day, 13.2, 18.0, office)
            robot(city, dialler, day, office)
        else:
            office_day(city, dialler, day, office, 5)
        if city.rng.random() < 0.04:
            city.emergency(city.rng.choice(staff), day, "112", office)


def robot(city: City, line: Line, day: date, place: Place) -> None:
    """One call every twenty seconds, from half past one to half past five."""
    begin = city.midnight(day) + int(13.5 * 3_600_000)
    for n in range(4 * 180):
        if city.rng.random() < 0.15:
            city.call(line, begin + n * 20_000, city.number(), city.rng.uniform(2, 14), place, ring_s=city.rng.uniform(3, 12))
        else:
            city.call(line, begin + n * 20_000, city.number(), None, place, ring_s=15)


def mairie_valfleur(city: City) -> None:
    """A town hall whose PBX gives call records without addresses."""
    tenant, pbx = "mairie-valfleur", "pbx-valfleur"
    city.customer(tenant, "Mairie de Valfleur", 10, None)
    staff = [city.line(tenant, str(n), pbx, ["desktop"]) for n in range(701, 711)]
    for day in city.days:
        if not working(day):
            continue
        for n, line in enumerate(staff):
            if n == 4 or city.rng.random() < 0.9:
                office_day(city, line, day, None, 9, inbound=0.6)
        if city.rng.random() < 0.1:
            city.emergency(city.rng.choice(staff), day, city.rng.choice(("112", "18", "17")), None)


# -- files -------------------------------------------------------------------------------------------------------------------------


def utc(ms: int) -> str:
    """An instant as it is written, from milliseconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def _time(ms: int, pbx: str) -> str:
    """One PBX writes local time with its offset, the others write UTC."""
    if pbx != "pbx-lyon":
        return utc(ms)
    local = datetime.fromtimestamp(ms // 1000, PARIS)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}{'+02:00' if local.utcoffset() == timedelta(hours=2) else '+01:00'}"


def _id(*parts: object) -> str:
    return blake2b("|".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def broken(rng: Random, line: str) -> str:
    """What a line looks like after an accident."""
    record = json.loads(line)
    accident = rng.randrange(5)
    if accident == 0:
        return line[: rng.randrange(20, len(line) - 1)]
    if accident == 1:
        record["time"] = record["time"][:19]
    elif accident == 2:
        record["kind"] = "registartion"
    elif accident == 3:
        record.pop("call_id" if record["kind"] == "call" else "action")
    else:
        record["v"] = 2
    return json_line(record)


def json_line(record: dict[str, Any]) -> str:
    """A record as it is written."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def with_accidents(rng: Random, records: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """Lines in the order of their times.

    One in 500 is sent again a little later, one in 10,000 is followed by a broken copy, one in 50,000 by another record of its id.
    """
    again: list[tuple[int, str]] = []
    for n, (_, record) in enumerate(sorted(records, key=lambda pair: pair[0])):
        while again and again[0][0] <= n:
            yield again.pop(0)[1]
        line = json_line(record)
        yield line
        chance = rng.random()
        if chance < 0.002:
            again.append((n + 3, line))
        elif chance < 0.0021:
            yield broken(rng, line)
        elif chance < 0.00212:
            yield json_line({**record, "status": 500})
    for _, line in again:
        yield line


class _DatedWriter(MMDBWriter):
    """Its build day is said, not read from the clock: the same city gives the same bytes."""

    def _build_meta(self) -> dict[str, Any]:
        return {**super()._build_meta(), "build_epoch": int(datetime.combine(BUILT, time(12), UTC).timestamp())}


def write_database(path: Path) -> None:
    """The country database of the city's address blocks."""
    writer = _DatedWriter(6, "City-Country", languages=["en"], description="the sample city", ipv4_compatible=True)
    for block, country in BLOCKS.items():
        writer.insert_network(IPSet([block]), {"country": {"iso_code": country}})
    writer.to_db_file(str(path))


def write_gz(path: Path, lines: Iterator[str]) -> None:
    """Lines, compressed; no name and no time in the header."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, "utf-8") as text,
    ):
        for line in lines:
            text.write(line + "\n")


def last_days(count: int) -> list[date]:
    """So many days, to the last one of the samples."""
    return [LAST_DAY - timedelta(days=n) for n in reversed(range(count))]


def build(seed: int, days: int) -> City:
    """The city of a seed."""
    city = City(Random(seed), last_days(days))
    for customer in (atelier_lumiere, messagers_du_sud, azur_contact, cabinet_fontaine, horizon_conseil, mairie_valfleur):
        customer(city)
    return city


def write_events(city: City, out: Path) -> None:
    """The files of events."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "facts.jsonl").write_text("".join(json_line(fact) + "\n" for fact in city.facts), encoding="utf-8")
    write_gz(out / "registrations.jsonl.gz", with_accidents(city.rng, city.registrations))
    write_gz(out / "calls.jsonl.gz", with_accidents(city.rng, city.calls))


def write(city: City, out: Path) -> None:
    """The city's files."""
    write_events(city, out)
    write_database(out / "city.mmdb")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the sample city: JSON lines of several customers and a country database.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=DAYS)
    given = parser.parse_args()
    write(build(given.seed, given.days), given.out)


if __name__ == "__main__":
    main()
