"""Phones known by sight, and calls told by direction: both save time, and neither may change what is said or remembered."""

from __future__ import annotations

import gc
from copy import copy
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events import Event, Loc, Registration, Site, rank
from detectors.outputs import Output
from detectors.registry import Detectors, installed
from detectors.snapshot import take
from detectors.step import Partition
from support.core import call, licence_fact, ms, tenant_fact
from support.traffic import everything

MINUTE = 60_000
MONDAY = ms("2026-03-02 07:00")
HOME = {
    "2.0.0.10": Loc(country="FR", cls="access", network="2.0.0.0/24"),
    "2.0.0.200": Loc(country="FR", cls="access", network="2.0.0.0/24"),
    "2.0.9.10": Loc(country="FR", cls="access", network="2.0.9.0/24"),
    "37.160.0.1": Loc(country="FR", cls="mobile", network="37.160.0.0/24"),
    "5.1.0.9": Loc(country="CH", cls="access", network="5.1.0.0/24"),
}
AGENTS = ("Linphone/5.2", "Zoiper/2", "Yealink T46/1", None)
registrations = st.builds(
    lambda minutes, licence, device, address, agent, action, late, expires, fold: (minutes, {
        "licence": licence, "device": device, "source_ip": address, "loc": HOME[address], "user_agent": agent, "action": action,
        "late_ms": late, "expires_s": expires, "count": 1 + bool(fold), "fold": fold,
    }),
    minutes=st.sampled_from([0, 1, 20, 60, 60, 60, 400, 1500]),
    licence=st.sampled_from(["101", "101", "101", "201"]),
    # Some licences meet a crowd: rules keep 32 devices, and forget.
    device=st.one_of(st.sampled_from(["phone", "phone", "phone", "pc", None]), st.integers(0, 40).map(lambda n: f"made-up-{n:02}")),
    address=st.sampled_from(["2.0.0.10", "2.0.0.10", "2.0.0.10", *HOME]),
    agent=st.sampled_from(["Linphone/5.2", "Linphone/5.2", *AGENTS]),
    action=st.sampled_from(["refresh", "refresh", "refresh", "register", "unregister", "expire", "failed"]),
    late=st.sampled_from([0, 0, 0, 2 * 3_600_000]),
    expires=st.sampled_from([None, 3600, 60, 90_000]),
    fold=st.sampled_from([0, 0, 30, 900]),
)  # fmt: skip
others = st.sampled_from(["call", "tenant", "licence"])


def story(steps: list[Any]) -> list[Event]:
    """Facts, then what was drawn, in order of time."""
    facts = {"approved_user_agents": ("Linphone*",), "sites": (Site("paris", ("2.0.0.0/25",)),), "softphones_billed": 1}
    events: list[Any] = [
        tenant_fact(MONDAY - 3, **facts), licence_fact(MONDAY - 2, "101"),
        licence_fact(MONDAY - 1, "201", type="desk_phone", site="paris"),
    ]  # fmt: skip
    at = MONDAY
    for n, step in enumerate(steps):
        if step == "call":
            events += call(at, 300, licence="101", device="phone", network="2.0.0.0/24")
        elif step == "tenant":
            events.append(msgspec.structs.replace(events[0], time=at, id=f"t{n}", softphones_billed=n))
        elif step == "licence":
            events.append(msgspec.structs.replace(events[1], time=at, id=f"l{n}", user=f"user {n}"))
        else:
            minutes, given_ = step
            at += minutes * MINUTE
            fields = {**given_}
            fold = fields.pop("fold")
            until = at + fold * MINUTE if fold else None
            events.append(Registration(
                id=f"r{n}", key=n + 1, time=at, pbx="pbx-1", tenant="acme", aor=f"{fields['licence']}@acme", until=until,
                contact=f"sip:{fields['licence']}@{fields['source_ip']}", src="log", line=n, **fields,
            ))  # fmt: skip
    return sorted(events, key=lambda e: (e.time, rank(e), e.pbx, e.id))


def judged(events: list[Event], *, blind: bool) -> tuple[list[Output], bytes]:
    """What is said and remembered of events; ``blind`` knows no phone by sight."""
    partition = Partition(1)
    said: list[Output] = []
    for event in events:
        if blind:
            partition._phones.clear()
        said += partition.step(event)
    said += partition.finish(events[-1].time + 3 * 86_400_000)
    return said, take(partition)


@settings(max_examples=150)
@given(st.lists(st.one_of(registrations, registrations, registrations, others), min_size=1, max_size=60))
def test_a_phone_known_by_sight_changes_nothing_that_a_look_in_full_would_not(steps: list[Any]) -> None:
    events = story(steps)
    assert judged(events, blind=False) == judged(events, blind=True)


def test_a_phone_that_registers_again_from_home_is_known_by_sight() -> None:
    refresh = (60, {"licence": "101", "device": "phone", "source_ip": "2.0.0.10", "loc": HOME["2.0.0.10"], "user_agent": "Linphone/5.2",
                    "action": "refresh", "late_ms": 0, "expires_s": 7200, "count": 1, "fold": 0})  # fmt: skip
    partition = Partition(1)
    events = story([refresh] * 4)
    for event in events[:-1]:
        partition.step(event)
    [known] = partition._phones.values()
    again = events[-1]
    assert isinstance(again, Registration)
    assert not known.says_again(msgspec.structs.replace(again, source_ip="2.0.0.200"))
    assert known.says_again(again)


@cache
def traffic(rule: str) -> tuple[Event, ...]:
    found = everything()
    if find_spec(f"support.abuse.{rule.replace('-', '_')}") is not None:
        found += import_module(f"support.abuse.{rule.replace('-', '_')}").traffic()
    return tuple(sorted(found, key=lambda e: (e.time, rank(e), e.pbx, e.id)))


def hearing_all(rule: str) -> Detectors:
    """The rule, told of calls in every direction."""
    detector = copy(installed()[rule])
    vars(detector)["hears"] = {}
    return {rule: detector}


@pytest.mark.parametrize("rule", sorted(rule for rule, detector in installed().items() if detector.hears))
def test_calls_in_the_directions_a_rule_does_not_hear_are_nothing_to_it(rule: str) -> None:
    some, every = Partition(1, {rule: installed()[rule]}), Partition(1, hearing_all(rule))
    for event in traffic(rule):
        assert some.step(event) == every.step(event)
    assert take(some) == take(every)


def test_the_state_of_a_partition_holds_no_rings() -> None:
    # Collections are off while files are judged: a ring would be memory that nobody frees.
    partition = Partition(1)
    for event in traffic("account-takeover"):
        partition.step(event)
    gc.collect()
    partition.let_go()
    del partition
    assert gc.collect() == 0
