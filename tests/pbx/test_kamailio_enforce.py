"""A real Kamailio does what its target says: table, calls, registrations, restart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.bridge.target import RESTRICTIONS, Entry, TargetError
from pbx.kamailio.enforce import connect
from pbx.kamailio.table import decode, encode
from support.bridging import DOMAIN, Kamailio, Network, Phone

ALICE = f"alice@{DOMAIN}"
NUMBERS = st.lists(st.from_regex(r"\+?[0-9]{1,12}", fullmatch=True), max_size=4, unique=True).map(tuple)
ENTRIES = st.builds(
    Entry,
    aor=st.sampled_from([ALICE, f"1001@{DOMAIN}"]),
    decision_id=st.from_regex(r"de-[0-9a-f]{1,20}", fullmatch=True),
    customer_code=st.from_regex(r"V[0-9A-F]{0,6}", fullmatch=True),
    restrictions=st.sets(st.sampled_from(RESTRICTIONS), min_size=1).map(lambda some: tuple(one for one in RESTRICTIONS if one in some)),
    prefixes=NUMBERS,
    home_prefixes=NUMBERS,
    allowed_numbers=NUMBERS,
)


def entry(aor: str = ALICE, *restrictions: str, decision: str = "de-1") -> Entry:
    return Entry(
        aor=aor, decision_id=decision, customer_code="V1", restrictions=restrictions or ("outgoing",), home_prefixes=("+33",),
        allowed_numbers=("+33100000000",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    one = Network()
    yield one
    one.close()


@pytest.fixture
def kamailio(tmp_path: Path, network: Network) -> Iterator[Kamailio]:
    with Kamailio(tmp_path / "kamailio", network.address) as running:
        running.wait()
        running.trunk("127.0.9.1", ALICE)
        yield running


@pytest.fixture
def alice(kamailio: Kamailio) -> Iterator[Phone]:
    phone = Phone("127.0.9.1", kamailio.sip)
    yield phone
    phone.close()


@given(ENTRIES)
def test_what_is_written_is_what_is_read(one: Entry) -> None:
    assert decode(one.aor, encode(one)) == one


@pytest.mark.parametrize("value", ["", "1", "dec-1", "2|de-1|V|o|||", "1|de-1|V||||", "1|de-1|V|z|||"])
def test_a_value_of_another_layout_is_refused(value: str) -> None:
    with pytest.raises(TargetError, match="not of this bridge"):
        decode(ALICE, value)


@pytest.mark.parametrize("field", [{"decision_id": "de|1"}, {"customer_code": "V\n"}, {"prefixes": ("+33,+44",)}, {"prefixes": ("",)}])
def test_what_would_be_read_otherwise_is_never_written(field: dict[str, object]) -> None:
    with pytest.raises(TargetError):
        encode(Entry(**{"aor": ALICE, "decision_id": "d", "customer_code": "c", "restrictions": ("outgoing",)} | field))  # type: ignore[arg-type]


def test_entries_stand_are_replaced_and_dropped_and_each_order_may_be_repeated(kamailio: Kamailio) -> None:
    target = kamailio.target()
    ours = [entry(), entry(f"1001@{DOMAIN}", "international", "paid", "credentials")]
    for _ in range(2):
        target.put(ours)
        assert target.table() == {one.aor: one for one in ours}
    target.put([entry(decision="de-2")])
    assert target.table()[ALICE].decision_id == "de-2"
    for _ in range(2):
        target.drop([ALICE, f"nobody@{DOMAIN}"])
        assert sorted(target.table()) == [f"1001@{DOMAIN}"]
    target.close()


def test_what_somebody_else_wrote_equals_nothing_and_an_operators_own_keys_stay(kamailio: Kamailio) -> None:
    kamailio.rpc("htable.sets", "suspended", ALICE, "by hand")
    kamailio.rpc("htable.sets", "suspended", "__note", "keep")
    target = kamailio.target()
    assert list(target.table()) == [ALICE]
    assert target.table()[ALICE].decision_id == ""
    target.close()


def test_http_alone_does_too(kamailio: Kamailio) -> None:
    target = connect(kamailio.url)
    target.put([entry()])
    assert target.table() == {ALICE: entry()}
    target.drop([ALICE, ALICE])
    assert target.table() == {}
    target.close()


def test_an_entry_that_cannot_be_written_keeps_no_other_from_standing(kamailio: Kamailio) -> None:
    target = kamailio.target()
    with pytest.raises(TargetError, match="needs for itself"):
        target.put([entry(f"bad@{DOMAIN}", decision="de|x"), entry()])
    assert list(target.table()) == [ALICE]
    target.close()


def test_an_entry_refuses_calls_with_its_decision_until_it_is_dropped(kamailio: Kamailio, alice: Phone) -> None:
    target = kamailio.target()
    assert alice.refused("+33145000002") == ""
    target.put([entry()])
    assert alice.refused("+33145000002") == "de-1"
    assert "403" not in alice.call("112").partition("\r\n")[0]
    target.drop([ALICE])
    assert alice.refused("+33145000002") == ""
    target.close()


def test_answered_and_ringing_calls_that_are_refused_end_and_others_stay(kamailio: Kamailio, alice: Phone) -> None:
    target = kamailio.target()
    home, abroad = Phone("127.0.9.1", kamailio.sip), Phone("127.0.9.1", kamailio.sip)
    ringing, emergency = Phone("127.0.9.1", kamailio.sip), Phone("127.0.9.1", kamailio.sip)
    try:
        assert home.call("+33145000000").startswith("SIP/2.0 200")
        assert abroad.call("+447911123450").startswith("SIP/2.0 200")
        assert emergency.call("112").startswith("SIP/2.0 200")
        ringing.ring("+447911123451")
        one = entry(ALICE, "international")
        target.put([one])
        assert target.end_calls(one) == 2
        assert abroad.hears("BYE")
        assert ringing.hears("SIP/2.0 487")
        assert not home.hears("BYE", 0.5)
        everything = entry(ALICE, "outgoing")
        target.put([everything])
        assert target.end_calls(everything) == 1
        assert home.hears("BYE")
        assert not emergency.hears("BYE", 0.5)
        assert target.end_calls(entry(ALICE, "credentials")) == 0
    finally:
        for phone in (home, abroad, ringing, emergency):
            phone.close()
        target.close()


def test_registrations_of_an_aor_are_removed_and_counted(kamailio: Kamailio) -> None:
    target = kamailio.target()
    kamailio.rpc("ul.add", "location", ALICE, "sip:alice@127.0.0.1:5070", 600, 1.0, "<null>", 0, 0, 0)
    assert target.remove_contacts(ALICE) == 1
    assert target.remove_contacts(ALICE) == 0
    target.close()


def test_the_generation_changes_with_a_restart_and_with_a_lost_sentinel(kamailio: Kamailio) -> None:
    target = kamailio.target()
    before = target.generation()
    assert target.generation() == before
    target.complete()
    whole = target.generation()
    assert whole != before
    kamailio.rpc("htable.delete", "sync", "state")
    assert target.generation() == before
    target.complete()
    kamailio.kill()
    with pytest.raises(TargetError, match="does it run"):
        target.generation()
    kamailio.start()
    kamailio.wait()
    assert target.generation() != whole
    assert target.table() == {}
    target.close()


def test_an_empty_aor_is_never_sent(kamailio: Kamailio) -> None:
    target = kamailio.target()
    with pytest.raises(TargetError):
        target.drop([""])
    with pytest.raises(TargetError):
        target.remove_contacts("")
    target.close()


def test_a_late_answer_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    path = str(tmp_path / "rpc.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        target = connect("http://127.0.0.1:9/rpc", socket=path)

        def answer() -> None:
            _, peer = server.recvfrom(65_536)
            server.sendto(b'{"jsonrpc":"2.0","error":{"code":500,"message":"of before"},"id":0}', peer)
            server.sendto(b'{"jsonrpc":"2.0","result":"Ok","id":1}', peer)

        thread = threading.Thread(target=answer)
        thread.start()
        target.complete()
        thread.join()
        target.close()


@pytest.mark.parametrize(("url", "options"), [("tcp:1", {}), ("http://127.0.0.1/rpc", {}), ("http://127.0.0.1:1/rpc", {"sock": "x"})])
def test_an_address_or_option_that_is_none_is_refused(url: str, options: dict[str, str]) -> None:
    with pytest.raises(TargetError):
        connect(url, **options)
