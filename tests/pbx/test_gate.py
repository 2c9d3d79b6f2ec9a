"""The gate: its reference over a hundred thousand records, and the real Kamailio beside it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import phonenumbers
import pytest

from detectors.events import Call
from pbx.adapter import build
from pbx.bridge.target import RESTRICTIONS, Entry
from pbx.gate import SURCHARGED, Request, refused_by
from pbx.kamailio.table import encode
from streams.numbering import CLASSES, NumberPlan
from streams.numbers_export import number_table
from support.bridging import DOMAIN, Phone
from support.gating import EMERGENCY_FORMS, Gate

ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
HOME, ABROAD, SUPPORT = "+33612345678", "+447911123456", "+33100000000"
#: What people dial, with the class that both sides must see.
DIALLED = {
    HOME: "mobile", "0612345678": "mobile", "00612345678": "mobile", "0033123456789": "fixed", "0590123456": "fixed",
    ABROAD: "intl_fixed_mobile", "00447911123456": "intl_fixed_mobile", "000447911123456": "intl_fixed_mobile",
    "447911123456": "intl_fixed_mobile", "00 44-79.11(12)3456": "intl_fixed_mobile", "0899123456": "premium", "+33 899 12 34 56": "premium",
    "0820123456": "shared_cost", "0800123456": "free", "3646": "short_paid", "03646": "short_paid", "118218": "short_paid",
    "3919": "short_free", "+88212345678": "satellite", "+9791234567": "intl_premium", "+499001234567": "intl_premium", SUPPORT: "fixed",
}  # fmt: skip
OUTGOING: tuple[Request, ...] = ("call", "divert", "refer", "replaces")
NUMBERS = (HOME, ABROAD, SUPPORT, "+33899123456", "+590690123456", "+88212345678", "+499001234567", "3646", "118218", "")


def records(seed: int, count: int) -> Iterator[Entry]:
    """Random records: any set of restrictions, lists that match some of ``NUMBERS``."""
    chance = random.Random(seed)
    for number in range(count):
        chosen = tuple(one for one in RESTRICTIONS if chance.random() < 0.4) or (chance.choice(RESTRICTIONS),)
        yield Entry(
            aor=ALICE,
            decision_id=f"de-{number}",
            customer_code=f"V{number % 97}",
            restrictions=chosen,
            prefixes=tuple(chance.sample(("+44", "+336", "+3389", "36", "+1", "+882123"), chance.randrange(4))),
            home_prefixes=tuple(chance.sample(("+33", "+590", "+262", "+44"), chance.randrange(5))),
            allowed_numbers=tuple(chance.sample((SUPPORT, ABROAD, "3646", "+15551234567"), chance.randrange(3))),
        )


def test_over_a_hundred_thousand_records_emergency_and_incoming_always_pass_and_internal_and_support_unless_credentials_are_stolen() -> (
    None
):
    chance = random.Random(6)
    classes, requests = sorted(CLASSES), get_args(Request)
    for entry in records(7, 100_000):
        request, cls, e164 = chance.choice(requests), chance.choice(classes), chance.choice(NUMBERS)
        stolen = "credentials" in entry.restrictions
        assert refused_by(entry, request, "emergency", e164) == ""
        assert refused_by(entry, "incoming", cls, e164) == ""
        outgoing = chance.choice(OUTGOING)
        assert bool(refused_by(entry, outgoing, "internal", e164)) == stolen
        assert bool(refused_by(entry, "register", "internal")) == stolen
        for number in entry.allowed_numbers:
            assert bool(refused_by(entry, outgoing, "intl_premium", number)) == stolen
        if cls == "emergency" or request == "incoming":
            continue
        found = refused_by(entry, request, cls, e164)
        assert found == "" or found in entry.restrictions
        if not stolen and cls != "internal" and e164 not in entry.allowed_numbers and request != "register" and e164:
            # What the table of the contracts says, sentence by sentence.
            refused = "outgoing" in entry.restrictions
            refused |= "paid" in entry.restrictions and cls in SURCHARGED
            refused |= "international" in entry.restrictions and e164[0] == "+" and not any(map(e164.startswith, entry.home_prefixes))
            refused |= "prefixes" in entry.restrictions and any(map(e164.startswith, entry.prefixes))
            assert bool(found) == refused
    assert refused_by(None, "call", "premium", ABROAD) == ""


def test_the_exported_prefixes_say_of_a_number_what_detection_says() -> None:
    table, plan, chance = number_table({}, Path()).classes, NumberPlan(), random.Random(8)
    compared = 0
    for _ in range(20_000):
        code = chance.choice(("33", "33", "33", "590", "262", "44", "49", "39", "1", "34", "882", "979", "687", "212", "48"))
        dest = plan.classify(f"+{code}{chance.randrange(10**8, 10**9)}")
        if dest.cls == "invalid":
            continue
        cls = next((table[dest.e164[:n]] for n in range(len(dest.e164), 0, -1) if dest.e164[:n] in table), "intl_fixed_mobile")
        # A number of a length that nobody has is what its beginning says: a prefix cannot tell.
        if dest.cls in SURCHARGED or phonenumbers.is_valid_number(phonenumbers.parse(dest.e164)):
            compared += 1
            assert (cls in SURCHARGED) == (dest.cls in SURCHARGED), (dest, cls)
    assert compared > 8_000


def test_what_the_policy_allows_or_lists_is_in_the_export() -> None:
    policy = {
        "general": {"paid_allow": ["3646"]},
        "numbers": {"prefixes": {"+4479": "operator_risk", "+3381": "free"}, "emergency": ["1234"]},
    }
    table = number_table(policy, Path())
    assert (table.classes["3646"], table.classes["+4479"], table.classes["+3381"]) == ("allowed", "operator_risk", "free")
    assert table.emergency == ("1234",)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    policy = {"numbers": {"emergency": ["1234"]}}
    with Gate(tmp_path_factory.mktemp("gate"), policy) as running:
        running.account("alice", "bob", "carol")
        yield running
        # Here, for a Kamailio that is killed complains of it.
        complaints = [line for line in running.log().splitlines() if "EVT {" not in line and re.search("ERROR|CRITICAL", line)]
    running.close()
    assert complaints == []


@pytest.fixture(autouse=True)
def lifted(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "gate" in request.fixturenames:
        running = request.getfixturevalue("gate")
        target = running.target()
        for aor in (ALICE, BOB):
            target.end_calls(running.suspend(aor, "credentials"))
        target.close()
        running.rpc("htable.flush", "suspended")
        running.rpc("htable.flush", "forwards")


@pytest.fixture
def alice(gate: Gate) -> Iterator[Phone]:
    phone = gate.phone("127.0.9.1", ALICE)
    yield phone
    phone.close()


@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_each_class_is_refused_under_each_restriction_as_the_reference_says(gate: Gate, alice: Phone, restriction: str) -> None:
    entry = gate.suspend(ALICE, restriction, prefixes=("+4479", "36"))
    plan = NumberPlan()
    for dialled, cls in DIALLED.items():
        dest = plan.classify(dialled, outside_prefix="0")
        assert dest.cls == cls, dialled
        expected = entry.decision_id if refused_by(entry, "call", cls, dest.e164) else ""
        assert alice.refused(dialled.replace(" ", "%20")) == expected, (restriction, dialled)


def test_random_records_on_the_real_kamailio_give_the_verdicts_of_the_reference(gate: Gate, alice: Phone) -> None:
    plan, chance = NumberPlan(), random.Random(9)
    verdicts = {True: 0, False: 0}
    for entry in records(10, 250):
        gate.rpc("htable.sets", "suspended", ALICE, encode(entry))
        for number in chance.sample([*NUMBERS[:-1], "bob", "15", "letters"], 3):
            dest = plan.classify(number, outside_prefix="0")
            known = {"bob": ("internal", ""), "letters": ("invalid", "")}.get(number, (dest.cls, dest.e164))
            refused = bool(refused_by(entry, "call", *known))
            assert alice.refused(number) == (entry.decision_id if refused else ""), (entry, number)
            verdicts[refused] += 1
    assert min(verdicts.values()) > 100


def test_every_emergency_number_is_answered_under_every_restriction(gate: Gate, alice: Phone) -> None:
    for restriction in RESTRICTIONS:
        gate.suspend(ALICE, restriction, home_prefixes=(), allowed_numbers=(), prefixes=("1", "+", "+33", "0"))
        for form in EMERGENCY_FORMS:
            assert alice.call(form).startswith("SIP/2.0 200"), (restriction, form)
    for form in ("1234", "01234", "+331234", "1-1-2", "1%312", "112;phone-context=fr"):
        assert alice.call(form).startswith("SIP/2.0 200"), form
    # It went to the emergency service and to nobody else, by its own number.
    assert not [line for line in gate.public.log if re.search(r"INVITE sip:(1[0-9]{1,2}|116[0-9]{3}|1234)@", line)]
    assert gate.emergency.log.count(f"INVITE sip:112@{gate.emergency.address.split(':')[0]} SIP/2.0") >= 20


def test_a_number_that_only_looks_like_an_emergency_is_refused(gate: Gate, alice: Phone) -> None:
    gate.suspend(ALICE, "outgoing")
    for number in ("1125", "1120", "11200", "+44112", "15151515", "116001"):
        assert alice.refused(number) == "de-1"


# -- sipp --------------------------------------------------------------------------------------------------------------------


def run(gate: Gate, scenario: str, **keys: str) -> None:
    gate.verdict(gate.sipp(scenario, "127.0.9.2", 20_070, **{"user": "alice", **keys}))


def phone(gate: Gate, scenario: str, target: str, caller: str = "bob") -> None:
    """Alice's registered phone does this with bob's call."""
    run(gate, "registered", contact_port="20075")
    device = gate.sipp(scenario, "127.0.9.2", 20_075, user="alice", caller=caller, target=f"sip:{target}@{DOMAIN}")
    gate.devices = [device]  # type: ignore[attr-defined]


def refusals(gate: Gate, since: int) -> list[tuple[str, str, str | None]]:
    """Who was refused what, as the adapter reads the events since then."""
    adapter = build({"format": "kamailio"}, "edge", {ALICE, BOB}.__contains__)
    assert adapter is not None
    found = [event for line in gate.events()[since:] for event in adapter.events(line)]
    return [(one.aor, one.callee or "", one.refused_by) for one in found if isinstance(one, Call) and one.refused_by]


def test_sipp_the_authenticated_user_decides_whatever_from_says(gate: Gate) -> None:
    gate.suspend(ALICE, "outgoing")
    seen = len(gate.events())
    run(gate, "refused", user="bob", account="alice", service=HOME)
    run(gate, "answered", user="alice", account="bob", service=HOME)
    assert refusals(gate, seen) == [(ALICE, HOME, "de-1")]


def test_sipp_a_refused_call_and_one_after_the_lift(gate: Gate) -> None:
    run(gate, "answered", service=ABROAD)
    gate.suspend(ALICE, "international", "paid")
    run(gate, "refused", service=ABROAD)
    run(gate, "refused", service="0899123456")
    run(gate, "answered", service=HOME)
    gate.lift(ALICE)
    run(gate, "answered", service=ABROAD)


def test_sipp_an_invented_to_tag_is_no_way_round(gate: Gate) -> None:
    gate.suspend(ALICE, "outgoing")
    run(gate, "invented_tag", service=ABROAD)


@pytest.mark.parametrize(("target", "outcome"), [(ABROAD, "refused"), (HOME, "answered"), ("112", "answered")])
def test_sipp_a_302_becomes_a_call_of_the_phone_that_redirects(gate: Gate, target: str, outcome: str) -> None:
    gate.suspend(ALICE, "international")
    seen, emergencies = len(gate.events()), len(gate.emergency.log)
    phone(gate, "phone_redirects", target)
    run(gate, outcome, user="bob", service="alice")
    gate.verdict(gate.devices[0])  # type: ignore[attr-defined]
    assert refusals(gate, seen) == ([(ALICE, ABROAD, "de-1")] if outcome == "refused" else [])
    assert (len(gate.emergency.log) > emergencies) == (target == "112")


@pytest.mark.parametrize(("target", "outcome"), [(ABROAD, "refused"), (HOME, "answered"), ("15", "answered")])
def test_sipp_a_local_forward_becomes_a_call_of_who_forwards(gate: Gate, target: str, outcome: str) -> None:
    gate.suspend(ALICE, "international")
    gate.rpc("htable.sets", "forwards", ALICE, target)
    run(gate, outcome, user="bob", service="alice")
    gate.lift(ALICE)
    gate.suspend(BOB, "international")
    # The caller does not pay for where the called one forwards.
    run(gate, "answered", user="bob", service="alice")


@pytest.mark.parametrize(("target", "outcome"), [(ABROAD, "refused"), (HOME, "passed"), ("112", "passed"), ("bob", "passed")])
def test_sipp_a_blind_transfer_goes_through_the_gate(gate: Gate, target: str, outcome: str) -> None:
    gate.suspend(ALICE, "international")
    seen = len(gate.events())
    run(gate, f"refer_{outcome}", service=HOME, target=f"sip:{target}@{DOMAIN}")
    assert refusals(gate, seen) == ([(ALICE, ABROAD, "de-1")] if outcome == "refused" else [])


def test_sipp_a_transfer_by_the_called_phone_goes_through_the_gate_too(gate: Gate) -> None:
    gate.suspend(ALICE, "international")
    phone(gate, "phone_transfers", ABROAD)
    run(gate, "answered", user="bob", service="alice")
    gate.verdict(gate.devices[0])  # type: ignore[attr-defined]


def standing(gate: Gate, alice: Phone, number: str) -> tuple[str, str, str]:
    """A call of alice's that is up: its Call-ID and both tags."""
    assert alice.call(number).startswith("SIP/2.0 200")
    [dialog] = [one for one in gate.rpc("dlg.profile_list", "caller", ALICE) if one["state"] in (3, 4)]
    return dialog["call-id"], dialog["caller"]["tag"], dialog["callee"]["tag"]


def test_sipp_an_attended_transfer_is_refused_for_the_call_that_it_would_take_over(gate: Gate, alice: Phone) -> None:
    call, ours, theirs = standing(gate, alice, ABROAD)
    replaces = f"{call}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}"
    run(gate, "refer_passed", service=HOME, target=f"sip:bob@{DOMAIN}?Replaces={replaces}")
    gate.suspend(ALICE, "international")
    # The URI names a colleague; the call that is to be replaced goes abroad.
    run(gate, "refer_refused", service=HOME, target=f"sip:bob@{DOMAIN}?Replaces={replaces}")


def test_sipp_an_invite_with_replaces_is_refused_for_the_call_that_it_would_take_over(gate: Gate, alice: Phone) -> None:
    call, ours, theirs = standing(gate, alice, ABROAD)
    replaces = f"{call};to-tag={theirs};from-tag={ours}"
    run(gate, "replaces_passed", user="bob", service=HOME, replaces=replaces)
    gate.suspend(BOB, "international")
    run(gate, "replaces_refused", user="bob", service=HOME, replaces=replaces)


def test_sipp_credentials_refuse_the_registration_and_all_but_emergency(gate: Gate) -> None:
    gate.suspend(ALICE, "credentials")
    run(gate, "register_refused", contact_port="20075")
    run(gate, "registered", user="bob", contact_port="20076")
    run(gate, "refused", service="bob")
    run(gate, "emergency", service="112")
    for restriction in RESTRICTIONS[:-1]:
        gate.suspend(ALICE, restriction)
        run(gate, "registered", contact_port="20075")


def test_sipp_a_running_112_call_outlives_suspension_and_end_of_calls_and_the_others_do_not(gate: Gate) -> None:
    emergency = gate.sipp("emergency", "127.0.9.2", 20_071, user="alice", service="112")
    call = gate.sipp("held", "127.0.9.2", 20_072, user="alice", service=HOME)
    deadline = time.monotonic() + 10
    while not any(one["state"] == 4 for one in gate.rpc("dlg.profile_list", "caller", ALICE) or []):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    target = gate.target()
    assert target.end_calls(gate.suspend(ALICE, "outgoing", "credentials")) == 1
    gate.verdict(call)
    assert target.end_calls(gate.suspend(ALICE, "outgoing", "credentials")) == 0
    target.close()
    assert emergency.poll() is None
    gate.verdict(emergency)


def test_incoming_calls_reach_a_restricted_phone(gate: Gate) -> None:
    gate.suspend(ALICE, "outgoing")
    run(gate, "registered", contact_port="20075")
    gate.rpc("htable.sets", "carriers", "127.0.9.3", "carrier.example")
    gate.rpc("htable.sets", "numbers", "+33199000101", ALICE)
    device = gate.sipp("phone_redirects", "127.0.9.2", 20_075, user="alice", target=f"sip:carol@{DOMAIN}")
    outside = Phone("127.0.9.3", gate.sip)
    # It rang there: her phone redirected it to carol, who is not at home.
    assert outside.call("+33199000101").startswith("SIP/2.0 404")
    gate.verdict(device)
    assert outside.call(HOME).startswith("SIP/2.0 403 No Relay")
    assert outside.call("112").startswith("SIP/2.0 200")
    outside.close()


def test_closed_until_the_table_is_whole_if_the_operator_wants_it_emergency_calls_pass(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "closed", {})
    config = gate.config / "kamailio.cfg"
    config.write_text("#!KAMAILIO\n#!define VIGIE_FAIL_CLOSED\n" + config.read_text("utf-8").split("\n", 1)[1], "utf-8")
    with gate:
        alice = gate.phone("127.0.9.1", ALICE)
        assert alice.call(HOME).startswith("SIP/2.0 503")
        assert alice.call("112").startswith("SIP/2.0 200")
        gate.rpc("htable.sets", "sync", "state", "live")
        assert alice.call(HOME).startswith("SIP/2.0 200")
        alice.close()
    gate.close()
