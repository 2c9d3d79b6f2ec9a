"""The webhook against a real HTTP server that fails sometimes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from pbx.bridge.target import Entry, TargetError
from pbx.webhook.enforce import ATTEMPTS, BACKOFF_S, PING_S, Webhook, connect
from support.fakes.entries import HOSTILE, entry, many
from support.fakes.receiver import KEY, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def webhook(receiver: Receiver, tmp_path: Path, waits: list[float]) -> Iterator[Webhook]:
    one = Webhook(receiver.url, KEY, str(tmp_path / "told.db"), sleep=waits.append)
    yield one
    one.close()


def insistent(order: object) -> None:
    """As the bridge does: the whole decision again until it is done."""
    for _ in range(50):
        try:
            order()  # type: ignore[operator]
        except TargetError:
            continue
        return
    raise AssertionError("never done")


def test_a_suspension_and_its_lift_arrive_signed_and_are_remembered(webhook: Webhook, receiver: Receiver) -> None:
    one = entry("alice@pbx.example", "prefixes", prefixes=("+3389",))
    webhook.put([one])
    assert receiver.table["alice@pbx.example"]["decision_id"] == "de-1"
    assert receiver.table["alice@pbx.example"]["prefixes"] == ["+3389"]
    assert webhook.table() == {one.aor: one}
    assert (webhook.end_calls(one), webhook.remove_contacts(one.aor)) == (2, 1)
    webhook.complete()
    webhook.drop([one.aor])
    webhook.drop([one.aor])
    assert receiver.table == {}
    assert webhook.table() == {}
    assert [action for action, _ in receiver.done] == ["suspend", "end_calls", "remove_contacts", "complete", "lift", "lift"]
    assert receiver.forged == 0


def test_a_wrong_key_is_refused_and_not_tried_again(receiver: Receiver, tmp_path: Path, waits: list[float]) -> None:
    webhook = Webhook(receiver.url, "another", str(tmp_path / "told.db"), sleep=waits.append)
    with pytest.raises(TargetError, match="status 401"):
        webhook.put([entry()])
    webhook.close()
    assert (receiver.forged, receiver.table, waits) == (1, {}, [])


@pytest.mark.parametrize(
    "answer", [(200, {"applied": False}), (200, {}), (200, ["applied"]), (204, None), (500, {"applied": True}), (302, {"applied": True})]
)
def test_only_2xx_with_applied_true_counts(webhook: Webhook, receiver: Receiver, answer: tuple[int, object]) -> None:
    receiver.answer = answer
    with pytest.raises(TargetError, match=f"status {answer[0]}"):
        webhook.put([entry()])
    assert [one.decision_id for one in webhook.table().values()] == [""]


def test_attempts_wait_twice_as_long_each_time_and_carry_one_idempotency_key(
    webhook: Webhook, receiver: Receiver, waits: list[float]
) -> None:
    receiver.answer = (503, {})
    for _ in range(2):
        with pytest.raises(TargetError):
            webhook.put([entry()])
    assert waits == [BACKOFF_S * 2**n for n in range(ATTEMPTS - 1)] * 2
    assert len({one["Idempotency-Key"] for one in receiver.requests}) == 1
    receiver.answer = None
    webhook.put([entry()])
    assert len({one["Idempotency-Key"] for one in receiver.requests}) == 1
    webhook.put([entry()])
    assert len({one["Idempotency-Key"] for one in receiver.requests}) == 2


def test_under_trouble_everything_arrives_once_and_each_aor_in_its_order(tmp_path: Path) -> None:
    with Receiver(trouble=0.3, seed=7) as receiver:
        webhook = Webhook(receiver.url, KEY, str(tmp_path / "told.db"), sleep=lambda _: None)
        people = many(60)
        for round_ in range(4):
            changed = [entry(one.aor, decision=f"de-{round_}") for one in people]
            insistent(lambda changed=changed: webhook.put(changed))
            insistent(lambda: webhook.drop([one.aor for one in people[:20]]))
        insistent(webhook.complete)
        by_aor: dict[str, list[str]] = {}
        for action, aor in receiver.done:
            by_aor.setdefault(aor, []).append(action)
        left = {one.aor: "de-3" for one in people[20:]}
        assert {aor: one["decision_id"] for aor, one in receiver.table.items()} == left
        assert {aor: one.decision_id for aor, one in webhook.table().items()} == left
        for one in people[:20]:
            # Order kept: a lift never before its suspension. A whole batch again may repeat one, never swap two.
            assert [a for a, b in zip(by_aor[one.aor], [*by_aor[one.aor][1:], ""], strict=True) if a != b] == ["suspend", "lift"] * 4
        assert receiver.forged == 0
        webhook.close()


def test_a_request_that_hung_in_the_network_undoes_nothing_that_came_later(webhook: Webhook, receiver: Receiver) -> None:
    sent: list[tuple[dict[str, str], bytes]] = []
    take = receiver.take

    def noted(headers: dict[str, str], body: bytes) -> tuple[int, object]:
        sent.append((headers, body))
        return take(headers, body)

    receiver.take = noted  # type: ignore[method-assign]
    webhook.put([entry()])
    webhook.drop([entry().aor])
    receiver._seen.clear()
    assert take(*sent[0])[0] == 200
    assert receiver.table == {}


def test_a_lift_is_sent_though_the_bridge_died_between_request_and_confirmation(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = (503, {})
    script = (
        "import sys, os, signal\n"
        "from pbx.webhook.enforce import Webhook\n"
        "from pbx.bridge.target import Entry\n"
        "one = Webhook(sys.argv[1], sys.argv[2], sys.argv[3], sleep=lambda _: os.kill(os.getpid(), signal.SIGKILL))\n"
        "one.put([Entry(aor='alice@pbx.example', decision_id='de-1', customer_code='V1', restrictions=('outgoing',))])\n"
    )
    state = str(tmp_path / "told.db")
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", script, receiver.url, KEY, state], cwd=root, env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    receiver.answer = None
    webhook = connect(receiver.url, secret=KEY, state=state)
    # Lifted while nobody was there: the bridge compares this with an empty wanted table, and drops.
    assert [(one.aor, one.decision_id) for one in webhook.table().values()] == [("alice@pbx.example", "")]
    webhook.drop(webhook.table())
    assert receiver.done == [("lift", "alice@pbx.example")]
    webhook.close()


def test_a_new_generation_of_the_receiver_makes_everything_told_again(receiver: Receiver, tmp_path: Path) -> None:
    seconds = iter(range(100, 10_000, int(PING_S)))
    webhook = Webhook(receiver.url, KEY, str(tmp_path / "told.db"), clock=lambda: float(next(seconds)))
    receiver.generation = "one"
    assert webhook.generation() == "one"
    webhook.put(many(3))
    receiver.generation, receiver.table = "two", {}
    assert webhook.generation() == "two"
    assert {one.decision_id for one in webhook.table().values()} == {""}
    webhook.put(many(3))
    assert sorted(receiver.table) == sorted(webhook.table())
    assert webhook.table() == {one.aor: one for one in many(3)}
    webhook.close()


def test_a_receiver_is_asked_for_its_generation_now_and_then_not_every_second(webhook: Webhook, receiver: Receiver) -> None:
    for _ in range(5):
        webhook.generation()
    assert len(receiver.requests) == 1
    assert "Idempotency-Key" not in receiver.requests[0]


def test_a_receiver_that_closes_idle_connections_costs_no_attempt(webhook: Webhook, receiver: Receiver, waits: list[float]) -> None:
    webhook.put([entry()])
    for connection in webhook._open.values():
        connection.sock.shutdown(2)
    webhook.drop([entry().aor])
    assert (receiver.table, waits) == ({}, [])


def test_one_that_cannot_be_reached_is_an_error_that_names_it(tmp_path: Path) -> None:
    webhook = Webhook("http://127.0.0.1:1/x", KEY, str(tmp_path / "told.db"), sleep=lambda _: None)
    with pytest.raises(TargetError, match=r"http://127\.0\.0\.1:1/x did not confirm lift of a@x"):
        webhook.drop(["a@x"])
    webhook.close()


@given(aor=HOSTILE)
@settings(max_examples=50, deadline=None)
def test_an_empty_or_broken_aor_is_never_sent(aor: str) -> None:
    webhook = Webhook("http://127.0.0.1:1/x", KEY, ":memory:", sleep=lambda _: None)
    for order in (lambda: webhook.drop([aor]), lambda: webhook.remove_contacts(aor), lambda: webhook.put([named(aor)])):
        with pytest.raises(TargetError, match=r"never sent|needs an AoR"):
            order()
    webhook.close()


def named(aor: str) -> Entry:
    return entry(aor)


def test_what_connect_cannot_use_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="https://HOST/PATH"):
        connect("ftp://x/y", secret="s", state="t")
    with pytest.raises(TargetError, match="state=PATH"):
        connect("https://x/y", secret="s")
    with pytest.raises(TargetError, match="secret_file=PATH"):
        connect("https://x/y", state=str(tmp_path / "t"))
    with pytest.raises(TargetError, match="no option key"):
        connect("https://x/y", key="s")
    with pytest.raises(TargetError, match="cannot be read"):
        connect("https://x/y", secret_file=str(tmp_path / "none"), state=str(tmp_path / "t"))
    (tmp_path / "key").write_text("s\n")
    connect("https://x/y", secret_file=str(tmp_path / "key"), state=str(tmp_path / "t")).close()
