"""What is remembered to tell a stolen account: the licence's own phones and networks, a siege, and who broke in.

A quiet licence holds its phones, networks and countries by the last day each was seen, about 100 bytes. Everything else is empty
until somebody fails to register, bounded while it lasts, and dropped when it is over.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from detectors.days import DAY, MINUTE
from detectors.errors import PolicyError
from detectors.outputs import Mode
from detectors.rule import Params
from detectors.state import Mark

#: The account of registrations whose AoR no fact knows; each "licence" of it is the hash of a name somebody tried.
UNRESOLVED = "_unresolved"
#: Phones, networks and countries of a licence in 30 days. A commuter was seen on 20 mobile networks in a month (simulated).
MOST_DEVICES, MOST_NETWORKS, MOST_COUNTRIES = 16, 32, 8
#: Networks that failures came from, and sources counted, of one siege; a botnet has more, the count of failures goes on.
MOST_DOORS, MOST_SOURCES = 32, 64
#: Phones that broke in, and their calls kept as evidence and for money.
MOST_ENTRIES, MOST_CALLS = 4, 20
#: Never seen: further back than any number of days that a policy may name.
NEVER = -(1 << 20)
#: What a licence's alert was last raised for. A later stage is said at once, an earlier one no more while it is open.
SIEGE, NEWCOMER, BREAK_IN, REVIEWED, TAKEN = 1, 2, 3, 4, 5

#: How tools that try names and passwords call themselves. Spoofable both ways, so a name alone is a notice.
SCANNERS = (
    "friendly-scanner*", "sipvicious*", "sundayddr*", "sipcli*", "sip-scan*", "vaxsipuseragent*", "iwar*", "pplsip*",
    "sipptk*", "bluebox-scanner*", "nmap nse*",
)  # fmt: skip


class TakeoverParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of account takeover.

    ``siege_failures`` in ``siege_minutes`` from ``siege_sources`` addresses or with over ``siege_origins`` origins at one address;
    ``spray_accounts`` tried within ``spray_hours`` from one network; ``known_days`` a phone, network or country stays known;
    ``break_in_failures`` within ``break_in_minutes`` before a success; ``follow_hours`` in which a call of that phone counts, at
    once when high-risk, else ``novel_calls`` in ``novel_minutes``; ``learning_days`` of a licence in which a new phone says nothing;
    ``hold_days`` an alert stays open after its last sign; ``scanner_agents`` globs of User-Agents, in any case of letters.
    """

    mode: Mode = "auto"
    restrictions: tuple[str, ...] = ("international", "paid")
    siege_failures: int = 20
    siege_minutes: int = 10
    siege_sources: int = 2
    siege_origins: int = 3
    spray_accounts: int = 5
    spray_hours: int = 24
    known_days: int = 30
    break_in_failures: int = 3
    break_in_minutes: int = 60
    follow_hours: int = 24
    novel_calls: int = 3
    novel_minutes: int = 60
    learning_days: int = 7
    hold_days: int = 7
    scanner_agents: tuple[str, ...] = SCANNERS

    def __post_init__(self) -> None:
        """Refuse limits that the bounded memory could not judge, and those that every honest phone would meet."""
        where = "policy: [rules.account-takeover]"
        if not 2 <= self.siege_failures <= 200:
            raise PolicyError(f"{where} siege_failures must lie between 2 and 200: so many failures are remembered one by one")
        if not 2 <= self.siege_sources <= MOST_SOURCES // 2:
            raise PolicyError(f"{where} siege_sources must lie between 2 and {MOST_SOURCES // 2}: every phone fails from one")
        if not 2 <= self.spray_accounts <= 100:
            raise PolicyError(f"{where} spray_accounts must lie between 2 and 100: twice as many are remembered of a network")
        if not 1 <= self.break_in_failures <= 50 or not 1 <= self.novel_calls <= MOST_CALLS:
            raise PolicyError(f"{where} break_in_failures may be 1 to 50 and novel_calls 1 to {MOST_CALLS}: so many are remembered")
        if not 0 <= self.learning_days <= self.known_days:
            raise PolicyError(f"{where} learning_days must not be longer than known_days: what was learnt would be forgotten again")
        if self.follow_hours > 24 * self.hold_days:
            raise PolicyError(f"{where} hold_days must cover follow_hours: a phone that broke in is remembered while its alert is held")


class Hit(msgspec.Struct, array_like=True):
    """A record of failures: when, how many, digests of address, of port and contact, and of the phone, and what is known.

    ``strange``: on a network that the licence does not use; ``own``: by a phone that looks like one of the licence's (no id).
    """

    at: int
    count: int
    source: int
    origin: int
    phone: int
    strange: bool
    own: bool


class Door(msgspec.Struct, array_like=True):
    """A network from which the licence's password was tried: the last failures, and how many without an hour's pause."""

    times: list[int] = []
    count: int = 0
    country: str = ""
    src: str = ""
    line: int = 0

    def mark(self, network: str) -> Mark:
        """The last failure as evidence."""
        return Mark(self.times[-1], "registration", "", self.country, network, self.src, self.line)


class Siege(msgspec.Struct, array_like=True):
    """Failures on one AoR by strangers.

    ``total`` of them since ``first`` without a day's pause; ``held``: when the limit was last reached; ``hits``: the last ones, as
    many as the limit; ``sources``: digests of addresses.
    """

    first: int
    last: int = 0
    total: int = 0
    held: int = 0
    hits: list[Hit] = []
    sources: list[int] = []
    doors: dict[str, Door] = {}


class Entry(msgspec.Struct, array_like=True):
    """A phone that got in.

    ``alias`` is what it is called in a record without an id; ``why`` one of ``failures hosting scanner``; ``failures`` of its network
    before. ``attempts``: its last calls to ranges new to the customer; ``calls``: how many of these and of high-risk calls, ``high``
    how many of the latter; ``keys`` and ``cost``: which calls the money (thousandths of a cent) is of; ``marks``: them as evidence.
    """

    at: int
    device: str
    alias: str
    weak: bool
    network: str
    country: str
    cls: str
    why: str
    failures: int
    agent: str
    same_phone: bool
    src: str
    line: int
    attempts: list[int] = []
    calls: int = 0
    high: int = 0
    cost: int = 0
    keys: list[int] = []
    marks: list[Mark] = []

    def mark(self) -> Mark:
        """The success as evidence."""
        return Mark(self.at, "registration", "", self.country, self.network, self.src, self.line)


class TakeoverState(msgspec.Struct, array_like=True):
    """State of a licence.

    ``since``: the day of its first success; ``devices``, ``networks``, ``countries``: the last day each was seen; ``entries``: phones
    that broke in; ``stage``: what the open alert was last raised for, ``signed`` when its last sign was; ``newcomer``: the phone of
    a ``NEWCOMER``.
    """

    since: int = -1
    devices: dict[str, int] = {}
    networks: dict[str, int] = {}
    countries: dict[str, int] = {}
    siege: Siege | None = None
    entries: list[Entry] = []
    stage: int = 0
    signed: int = 0
    newcomer: Mark | None = None


def note(seen: dict[str, int], key: str, day: int, most: int) -> bool:
    """Note that ``key`` was seen on ``day``; over ``most`` the one seen longest ago is forgotten. Says whether one was.

    >>> seen = {"old": 1, "home": 5}
    >>> note(seen, "hotel", 6, 2), seen
    (True, {'home': 5, 'hotel': 6})
    """
    if day > seen.get(key, NEVER):
        seen[key] = day
        if len(seen) > most:
            del seen[min(seen, key=lambda name: (seen[name], name))]
            return True
    return False


def is_new(seen: dict[str, int], key: str, day: int, days: int) -> bool:
    """Whether ``key`` is something at all, and was not seen on ``day`` nor the ``days`` before it."""
    return key != "" and day - seen.get(key, NEVER) > days


def knock(siege: Siege, network: str, at: int, count: int, p: TakeoverParams) -> Door:
    """Count failures at the door they came to."""
    door = siege.doors.get(network)
    if door is None:
        door = siege.doors[network] = Door()
        if len(siege.doors) > MOST_DOORS:
            del siege.doors[min((n for n in siege.doors if n != network), key=lambda name: (siege.doors[name].times[-1], name))]
    elif at - door.times[-1] > p.break_in_minutes * MINUTE:
        door.count = 0
    door.count += count
    door.times = sorted([*door.times, *[at] * min(count, p.break_in_failures)])[-p.break_in_failures :]
    return door


def failures_before(siege: Siege | None, network: str, at: int, p: TakeoverParams) -> int:
    """Failures that came from a network shortly before a success; 0 when they are too few to mean anything."""
    door = siege.doors.get(network) if siege is not None else None
    if door is None or len(door.times) < p.break_in_failures or door.times[0] <= at - p.break_in_minutes * MINUTE:
        return 0
    return door.count


def count(siege: Siege, at: int, failures: int, source: int) -> None:
    """Count failures, and the address they came from."""
    siege.total += failures
    siege.last = max(siege.last, at)
    if source not in siege.sources and len(siege.sources) < MOST_SOURCES:
        siege.sources.append(source)


def strike(siege: Siege, hit: Hit, p: TakeoverParams) -> bool:
    """Whether the AoR is under siege with this failure.

    A phone without an id that looks like one of the licence's may be it, on Wi-Fi and on mobile: alone it needs a third address.
    """
    siege.hits.append(hit)
    if len(siege.hits) > p.siege_failures:
        del siege.hits[0]
    recent = [one for one in siege.hits if one.at > hit.at - p.siege_minutes * MINUTE]
    if sum(one.count for one in recent) < p.siege_failures:
        return False
    sources = len({one.source for one in recent})
    if all(one.own for one in recent):
        return sources > max(p.siege_sources, 2)
    return sources >= p.siege_sources or len({one.origin for one in recent if one.strange}) > p.siege_origins


def fresh(siege: Siege | None, at: int) -> Siege:
    """The siege that a failure at ``at`` belongs to: a day of quiet ends one."""
    return siege if siege is not None and at - siege.last <= DAY else Siege(at)


def is_scanner(agent: str | None, globs: Collection[str]) -> bool:
    """Whether a User-Agent is that of a tool which tries names and passwords.

    >>> is_scanner("Friendly-Scanner", SCANNERS), is_scanner("Linphone/5.2", SCANNERS)
    (True, False)
    """
    return bool(agent) and _matches(str(agent).lower(), tuple(globs))


@lru_cache(maxsize=4096)
def _matches(agent: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(agent, glob.lower()) for glob in globs)
