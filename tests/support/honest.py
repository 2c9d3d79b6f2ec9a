"""People who come near a rule and are honest: their weeks as seeded traffic, told in ``docs/honest/``.

Five working weeks from Monday 2 March 2026 on, so that rules which learn what a customer is used to (28 days) have learnt it. The
numbers of each story stand on its page; the dice only place them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from detectors.events import Event, Site
from detectors.outputs import Alert
from support.core import Bench, call, exemption, licence_fact, loc, ms, reg, tenant_fact

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
MONDAY, WEEKS = date(2026, 3, 2), 5
#: After the last call, when every day has closed.
UNTIL = "2026-04-09 12:00"
OFFICE, HOUSE, STREET = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"


@dataclass
class Story:
    """What the provider knows of a customer, and what its lines did."""

    facts: list[Event]
    events: list[Event] = field(default_factory=list)
    until: str = UNTIL


def said(story: Story) -> list[str]:
    """What all installed rules say of a story, audit samples left out: rule, level, and the sentence that a person would read."""
    return [f"{one.rule} {one.level}: {one.summary}" for one in alerts_of(story)]


def alerts_of(story: Story) -> list[Alert]:
    """The same as statements of alerts."""
    bench = Bench(facts=[]).feed(*story.facts, *story.events).until(story.until)
    return [one for one in bench.alerts() if one.level != "audit"]


class Weeks:
    """Writes one customer's weeks; every draw comes from one seed."""

    def __init__(self, seed: int, *facts: Event) -> None:
        self.dice = random.Random(seed)
        self.story = Story([tenant_fact(), licence_fact()] if not facts else list(facts))

    def call(self, at: float, talk_s: float | None = 60, **fields: Any) -> None:
        """A call in the phases that a PBX reports."""
        self.story.events += call(round(at), talk_s, phases=True, **({"network": OFFICE} | fields))

    def registered(self, day: date, licence: str = "101", hours: tuple[int, int] = (8, 19), **fields: Any) -> None:
        """A phone that refreshes each 50 minutes through its hours."""
        at, end = clock(day, hours[0]) + self.dice.randrange(20 * MINUTE), clock(day, hours[1])
        action = "register"
        while at < end:
            self.story.events.append(reg(at, licence=licence, action=action, **({"network": OFFICE} | fields)))
            at, action = at + 50 * MINUTE, "refresh"

    def talk(self, median_s: float, spread: float = 0.8, most_s: float = 1_800) -> float:
        """A length of human talk: most are short, a few are long."""
        return min(most_s, max(3.0, median_s * self.dice.lognormvariate(0, spread)))

    def incoming(self, day: date, count: int, numbers: list[str], median_s: float = 90, licence: str = "101", **fields: Any) -> None:
        """Calls that come in through an office day, four of five answered."""
        for _ in range(count):
            at = clock(day, 9) + self.dice.randrange(8 * HOUR)
            talk = self.talk(median_s) if self.dice.random() < 0.8 else None
            given = {"direction": "inbound", "caller": self.dice.choice(numbers), "to": own(licence), "to_cls": "fixed", "ring_s": 12}
            self.call(at, talk, licence=licence, **(given | fields))


def clock(day: date, hour: float) -> int:
    """An hour of a day in Paris, in milliseconds."""
    return ms(f"{day.isoformat()} 00:00") + round(hour * HOUR)


def own(licence: str) -> str:
    """Number of a licence."""
    return f"+331709000{licence[-2:]}"


def mobiles(count: int, block: int = 12) -> list[str]:
    """So many French mobile numbers."""
    return [f"+336{block:02}{n * 7_919 % 1_000_000:06}" for n in range(count)]


def working_days(weeks: int = WEEKS, days: int = 5) -> Iterator[date]:
    """The first ``days`` days of each week."""
    for n in range(weeks * 7):
        if n % 7 < days:
            yield MONDAY + timedelta(days=n)


# -- selling, delivering, reminding -------------------------------------------------------------------------------------


def salesperson(seed: int, ringing_out: float = 0.05, machine: bool = False) -> Story:
    """80 calls a day to 140 customers of one's own, 40 % voicemail, some that ring out, 24 calls a day back in.

    ``machine``: instead a call every 100 s without a pause, half of them cut when answered.
    """
    weeks = Weeks(seed)
    dice, customers = weeks.dice, mobiles(140)
    for day in working_days():
        weeks.registered(day)
        weeks.incoming(day, 24, customers, median_s=75)
        at = clock(day, 8.6)
        for n in range(80):
            number, start = dice.choice(customers), clock(day, 8.6) + n * 100 * SECOND if machine else at
            talk: float | None = None
            draw = dice.random()
            if draw < ringing_out:
                ring = dice.uniform(15, 30)
            elif draw < ringing_out + 0.4:
                talk, ring = dice.uniform(20, 40), dice.uniform(20, 26)
            else:
                talk, ring = weeks.talk(70, most_s=600), dice.uniform(4, 18)
            if machine:
                talk, ring = (None, 9.0) if n % 2 else (5.0, 6.0)
            weeks.call(start, talk, ring_s=ring, to=number)
            # Notes, the next file, coffee, lunch.
            at += round((ring + (talk or 0)) * SECOND) + round(dice.lognormvariate(4.0, 0.8) * SECOND)
            at += 55 * MINUTE if n == 38 else 12 * MINUTE if n in (18, 58) else 0
    return weeks.story


def driver(seed: int, offer: str = "metered") -> Story:
    """55 to 70 doors a day, six days a week, each number once; half of the calls say "I am downstairs" in 8 to 25 s."""
    weeks = Weeks(seed, tenant_fact(offer=offer), licence_fact())
    dice, doors = weeks.dice, iter(mobiles(3_000, block=21))
    for day in working_days(days=6):
        weeks.registered(day, network=STREET, cls="mobile")
        stops = dice.randrange(55, 71)
        for n in range(stops):
            at = clock(day, 8.2) + (n + dice.uniform(-0.35, 0.35)) * 9 * HOUR / stops
            draw, number = dice.random(), next(doors)
            # Half of those who do not open do not answer either: their voicemail does, or the driver rings the bell.
            talk = dice.uniform(8, 25) if draw < 0.6 else dice.uniform(7, 14) if draw < 0.82 else None
            weeks.call(
                at, talk, ring_s=dice.uniform(4, 16) if draw < 0.6 else dice.uniform(20, 28), to=number, network=STREET, cls="mobile"
            )
            if dice.random() < 0.05:
                weeks.call(at + 4 * MINUTE, 20, direction="inbound", caller=number, to=own("101"), network=STREET, cls="mobile")
    return weeks.story


def reminders(seed: int, patients: int = 140) -> Story:
    """A medical secretary rings tomorrow's 35 patients between 14:00 and 17:00; a third gets a message of some 22 s."""
    weeks = Weeks(seed)
    dice, known = weeks.dice, mobiles(patients, block=33)
    for n, day in enumerate(working_days()):
        weeks.registered(day)
        weeks.incoming(day, 30, known, median_s=110)
        at = clock(day, 14)
        for k in range(35):
            number, draw = known[(n * 35 + k * 3) % len(known)], dice.random()
            talk: float | None = dice.gauss(22, 3)
            ring = dice.uniform(20, 26)
            if draw < 0.52:
                talk, ring = weeks.talk(38, 0.5), dice.uniform(5, 18)
            elif draw > 0.85:
                talk = None
            weeks.call(at, talk, ring_s=ring, to=number)
            at += round((ring + (talk or 0) + dice.lognormvariate(4.9, 0.7)) * SECOND)
    return weeks.story


def newsletter(seed: int, members: int = 30) -> Story:
    """On the first Saturday of the month a club's secretary reads the same 45 s of news to each of 30 members; ordinary days between."""
    weeks = Weeks(seed)
    dice, club = weeks.dice, mobiles(members, block=44)
    for day in working_days():
        weeks.registered(day)
        for _ in range(dice.randrange(2, 6)):
            weeks.call(clock(day, 9) + dice.randrange(8 * HOUR), weeks.talk(120), to=dice.choice(club))
    for saturday in (date(2026, 3, 7), date(2026, 4, 4)):
        weeks.registered(saturday)
        at = clock(saturday, 10)
        for number in club:
            draw = dice.random()
            talk, ring = (dice.gauss(47, 3), dice.uniform(5, 20)) if draw < 0.8 else (None, 25.0)
            weeks.call(at, talk, ring_s=ring, to=number)
            at += round((ring + (talk or 0) + dice.uniform(40, 130)) * SECOND)
    return weeks.story


# -- one number, again and again ----------------------------------------------------------------------------------------


def doctors_line(seed: int, rings: bool = False) -> Story:
    """Each Monday at 08:00 some 30 redials in 20 minutes of a line that is busy, until it answers (``rings``: it rings out each time)."""
    weeks = Weeks(seed)
    dice, doctor = weeks.dice, "+33140000000"
    for day in working_days():
        weeks.registered(day)
        for _ in range(dice.randrange(3, 9)):
            weeks.call(clock(day, 9) + dice.randrange(8 * HOUR), weeks.talk(90), to=dice.choice(mobiles(30)))
        if day.weekday() == 0:
            at = clock(day, 8)
            for n in range(30):
                # Twice in a morning the line is free for a moment, and an announcement asks to call later.
                if n in (9, 21):
                    weeks.call(at, dice.uniform(8, 12), ring_s=2, to=doctor, to_cls="fixed", ended_by="callee")
                elif rings:
                    weeks.call(at, None, ring_s=20, to=doctor, to_cls="fixed")
                else:
                    weeks.call(at, None, ring_s=1, to=doctor, to_cls="fixed", status=486, cause=17, ended_by="callee")
                at += round(dice.uniform(28, 52) * SECOND)
            weeks.call(at, dice.uniform(100, 240), ring_s=8, to=doctor, to_cls="fixed")
    return weeks.story


def monitored_lines(seed: int) -> Story:
    """Twelve lifts that test their line every three days, an alarm that reports each night and has one break-in; nobody picks a rhythm."""
    lifts = [f"{201 + n}" for n in range(12)]
    weeks = Weeks(seed, tenant_fact(softphones_billed=0), *(licence_fact(licence=name, type="desk_phone") for name in [*lifts, "250"]))
    dice, station, lift_centre = weeks.dice, "+33180000001", "+33180000002"
    box = {"to_cls": "fixed", "agent": "TransmitterIP/3.1"}
    for n, name in enumerate(lifts):
        for turn in range(WEEKS * 7 // 3):
            at = clock(MONDAY, 3) + (turn * 3 * 24 * 60 + n * 7) * MINUTE
            weeks.call(at, 32, ring_s=3, to=lift_centre, licence=name, device=f"lift-{n}", **box)
    for n in range(WEEKS * 7):
        weeks.call(clock(MONDAY + timedelta(days=n), 2.5), 14, ring_s=2, to=station, licence="250", device="alarm", **box)
    # Somebody comes through the window: eight zones are reported within ten minutes, two of them again.
    burglary = clock(date(2026, 3, 21), 4.2)
    for n in range(10):
        weeks.call(burglary + n * 60 * SECOND, dice.uniform(16, 24), ring_s=2, to=station, licence="250", device="alarm", **box)
    return weeks.story


def hourly_monitor(seed: int) -> Story:
    """A transmitter whose station is rung every hour, day and night, for a handshake of 8 s."""
    weeks = Weeks(seed, tenant_fact(), licence_fact(licence="250", type="desk_phone"))
    for n in range(WEEKS * 7 * 24):
        at = clock(MONDAY, 0) + n * HOUR + weeks.dice.randrange(3 * SECOND)
        weeks.call(at, 8, ring_s=2, to="+33180000001", to_cls="fixed", licence="250", device="alarm", agent="TransmitterIP/3.1")
    return weeks.story


def young_people(seed: int) -> Story:
    """25 to 40 calls a day among twelve friends, half of them under 7 s; missed calls are rung back, and one is redialled at times."""
    weeks = Weeks(seed)
    dice, friends = weeks.dice, mobiles(12, block=55)
    for n in range(WEEKS * 7):
        day = MONDAY + timedelta(days=n)
        weeks.registered(day, hours=(7, 23), network=STREET, cls="mobile")
        for _ in range(dice.randrange(25, 41)):
            at, friend, draw = clock(day, 10) + dice.randrange(12 * HOUR), dice.choice(friends), dice.random()
            talk = dice.uniform(2, 7) if draw < 0.5 else weeks.talk(45) if draw < 0.7 else None
            for again in range(dice.choice((1, 1, 1, 3)) if talk is None else 1):
                weeks.call(at + again * 70 * SECOND, talk, ring_s=dice.uniform(3, 14), to=friend, network=STREET, cls="mobile")
            if talk is None and dice.random() < 0.7:
                back = at + dice.randrange(5, 50) * MINUTE
                weeks.call(back, dice.uniform(3, 90), direction="inbound", caller=friend, to=own("101"), network=STREET, cls="mobile")
        # Friends do not wait to be called.
        weeks.incoming(day, dice.randrange(4, 9), friends, median_s=20, network=STREET, cls="mobile")
    return weeks.story


def declared_centre(seed: int, declared: bool = True) -> Story:
    """Six agents answer 60 calls a day each from one queue and ring 110 known customers back; declared when the order was placed."""
    agents = [f"{101 + n}" for n in range(6)]
    weeks = Weeks(
        seed,
        tenant_fact(call_centre_declared=declared),
        licence_fact(licence="700", type="group", aors=("700@acme.example",)),
        *(licence_fact(licence=name, numbers=(own(name),)) for name in agents),
    )
    dice, customers = weeks.dice, mobiles(110, block=66)
    for day in working_days():
        for name in agents:
            weeks.registered(day, licence=name, device=f"phone-{name}")
            free = {9.0}
            for _ in range(60):
                start = max(free) + dice.expovariate(1 / 0.035)
                talk = weeks.talk(170, 0.6, most_s=900)
                at = clock(day, start)
                given = {"direction": "inbound", "diverted_by": "700", "caller": dice.choice(customers), "to": "+33170900000"}
                weeks.call(at, talk, ring_s=6, licence=name, device=f"phone-{name}", to_cls="fixed", **given)
                free.add(start + (talk + 30) / 3_600)
            for _ in range(7):
                at = clock(day, 9) + dice.randrange(8 * HOUR)
                weeks.call(at, weeks.talk(120), licence=name, device=f"phone-{name}", to=dice.choice(customers))
    return weeks.story


# -- moving, travelling -------------------------------------------------------------------------------------------------


def holiday(seed: int, days: int = 20) -> Story:
    """Three weeks of family holiday in Spain with the telephone in the pocket, after four weeks of work; the PC at home stays on."""
    weeks = Weeks(seed)
    dice, family, hotel = weeks.dice, mobiles(8, block=77), "+34952100200"
    for day in working_days(4):
        weeks.registered(day)
        weeks.registered(day, hours=(8, 20), device="pc", agent="Zoiper/5.6")
        for _ in range(dice.randrange(6, 14)):
            weeks.call(clock(day, 9) + dice.randrange(8 * HOUR), weeks.talk(120), to=dice.choice(mobiles(40)))
    # The last call at home is at 07:30, the first one abroad at 16:00: an aeroplane, not a second person.
    first = date(2026, 3, 28)
    weeks.call(clock(first, 7.5), 40, to=family[0], network=HOUSE)
    for n in range(days):
        day = first + timedelta(days=n)
        abroad = {"country": "ES", "network": f"198.18.{n // 7}.0/24", "place": loc("ES", network=f"198.18.{n // 7}.0/24")}
        weeks.registered(day, hours=(16 if n == 0 else 8, 23), country="ES", network=f"198.18.{n // 7}.0/24")
        weeks.registered(day, hours=(8, 20), device="pc", agent="Zoiper/5.6", network=HOUSE)
        for _ in range(dice.randrange(1, 5)):
            weeks.call(clock(day, 16) + dice.randrange(6 * HOUR), weeks.talk(150), to=dice.choice(family), **abroad)
        if n in (0, 7, 13):
            weeks.call(clock(day, 16.2), 75, to=hotel, to_cls="intl_fixed_mobile", rate=30_000, **abroad)
    back = first + timedelta(days=days)
    weeks.call(clock(back, 19), 60, to=family[0], network=HOUSE)
    weeks.registered(back, hours=(19, 23), network=HOUSE)
    weeks.story.until = "2026-05-01 12:00"
    return weeks.story


def cross_border(seed: int, exempt: bool = True) -> Story:
    """Four days a week at a desk in Geneva, nights and Fridays at home in Annemasse, for 28 weeks, under a dated exemption."""
    weeks = Weeks(seed)
    if exempt:
        weeks.story.facts.append(exemption("2026-02-20", ("abroad-stay", "abroad-total"), "2026-03-01", "2027-03-01", "101"))
    dice, people = weeks.dice, mobiles(40, block=11)
    for day in working_days(28):
        swiss, network = day.weekday() < 4, f"198.18.{day.toordinal() % 2}.0/24"
        place = loc("CH", network=network) if swiss else None
        for _ in range(dice.randrange(3, 8)):
            at = clock(day, 9) + dice.randrange(8 * HOUR)
            weeks.call(at, weeks.talk(120), to=dice.choice(people), device="desk-app" if swiss else "phone", place=place, network=HOUSE)
    weeks.story.until = "2026-09-20 12:00"
    return weeks.story


def many_devices(seed: int) -> Story:
    """One person with a phone, a PC and from the third week on a tablet: one call at a time, on whatever is at hand."""
    weeks = Weeks(seed)
    dice, people = weeks.dice, mobiles(60, block=22)
    agents = {"phone": "Linphone-iOS/5.2", "pc": "Zoiper/5.6", "tablet": "Linphone-Android/5.2"}
    for n, day in enumerate(working_days()):
        devices = ["phone", "pc", "tablet"] if n >= 12 else ["phone", "pc"]
        for device in devices:
            weeks.registered(day, hours=(7, 21), device=device, agent=agents[device], network=HOUSE)
        if n == 12:
            # A new password is typed once too quickly.
            weeks.story.events.append(reg(clock(day, 7), device="tablet", agent=agents["tablet"], network=HOUSE, action="failed"))
        at = clock(day, 8.5)
        for _ in range(dice.randrange(12, 25)):
            device, talk = dice.choice(devices), weeks.talk(150, most_s=1_500)
            # The phone leaves the house; the PC and the tablet do not.
            network, cls = (STREET, "mobile") if device == "phone" and dice.random() < 0.5 else (HOUSE, "access")
            weeks.call(at, talk, device=device, agent=agents[device], network=network, cls=cls, to=dice.choice(people))
            at += round((talk + dice.uniform(60, 1_500)) * SECOND)
    return weeks.story


def moving_office(seed: int, told: bool = True) -> Story:
    """Eight softphones and four desk phones move over a week-end; the order of the new lines names the new network, or nobody told."""
    desks, apps = [f"{301 + n}" for n in range(4)], [f"{101 + n}" for n in range(8)]
    old, new = Site(id="head", networks=("192.0.2.0/24",)), Site(id="head", networks=("203.0.113.0/24",))
    weeks = Weeks(
        seed,
        tenant_fact(sites=(old,)),
        *(licence_fact(licence=name, type="desk_phone", site="head") for name in desks),
        *(licence_fact(licence=name) for name in apps),
    )
    dice, people, moved = weeks.dice, mobiles(80, block=88), date(2026, 3, 21)
    if told:
        weeks.story.facts.append(tenant_fact(clock(moved, 8), sites=(new,)))
    for day in working_days():
        here = {"network": OFFICE, "ip": "192.0.2.10"} if day < moved else {"network": STREET, "ip": "203.0.113.10"}
        for name in [*desks, *apps]:
            agent = "Yealink SIP-T46S/66.86" if name in desks else "Linphone-Desktop/5.2.6"
            weeks.registered(day, licence=name, hours=(0, 24) if name in desks else (8, 19), device=f"phone-{name}", agent=agent, **here)
            for _ in range(dice.randrange(3, 9)):
                at = clock(day, 9) + dice.randrange(8 * HOUR)
                given = {"device": f"phone-{name}", "agent": agent, "network": here["network"]}
                weeks.call(at, weeks.talk(110), licence=name, to=dice.choice(people), **given)
    return weeks.story


#: Name of the page in ``docs/honest/`` to the story it tells.
STORIES: dict[str, Callable[[int], Story]] = {
    "busy-salesperson": salesperson,
    "doctors-line-redialled": doctors_line,
    "alarm-and-lift-lines": monitored_lines,
    "delivery-driver": driver,
    "declared-support-centre": declared_centre,
    "family-on-holiday": holiday,
    "cross-border-worker": cross_border,
    "multi-device-user": many_devices,
    "moving-office": moving_office,
    "newsletter-to-30-members": newsletter,
    "young-people": young_people,
    "appointment-reminders": reminders,
}
