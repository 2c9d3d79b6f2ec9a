"""Batches of random suspensions through the real bridge onto a real Kamailio, and every emergency number after each of them."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer

from streams.emergency import EMERGENCY_NUMBERS
from streams.topics import Layout
from support.bridging import DOMAIN, BridgeProcess, Phone, lifted, placed, record
from support.gating import Gate
from vigie.dev.broker import Broker
from vigie.topics import create

PARTITIONS = 2
#: Always restricted, and calling.
CALLERS = ("1", "2", "3")
SETS = (
    ["outgoing"], ["credentials"], ["international", "paid"], ["paid"], ["prefixes"], ["international", "paid", "prefixes", "outgoing"],
    ["international", "paid", "prefixes", "outgoing", "credentials"],
)  # fmt: skip


class Account(NamedTuple):
    """What became of it. ``refused`` are public calls of the same AoRs: the restrictions did stand."""

    records: int
    standing: int
    emergencies: int
    answered: int
    refused: int


def emergencies(broker: Broker, prefix: str, directory: Path, batches: int, records: int) -> Account:
    """Send batches of records about as many licences, wait until each stands, and call every emergency number from three AoRs.

    Raises:
        AssertionError: an emergency call was not answered, or a batch did not come to stand.
    """
    chance = random.Random(batches * records)
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", linger_ms=5)
    sequences: dict[str, int] = {}
    emergencies = answered = refused = 0
    gate = Gate(directory / "kamailio")
    with gate:
        phones = [gate.phone(f"127.0.9.{one}", f"u{one}@{DOMAIN}") for one in CALLERS]
        bridge = BridgeProcess(broker.bootstrap, prefix, gate, directory)
        try:
            bridge.until(bridge.ready, 60)
            for _ in range(batches):
                last = _send(producer, prefix, chance, sequences, records)
                deadline = time.monotonic() + 60
                while not all(_stands(gate, one, decision) for one, decision in last.items()):
                    said = bridge.log.read_text("utf-8", "replace")[-3000:]
                    assert time.monotonic() < deadline, said
                    assert bridge.child.status() is None, said
                    time.sleep(0.02)
                for phone in phones:
                    for code in EMERGENCY_NUMBERS:
                        number = chance.choice(("", "+33", "0033", "0")) + code
                        emergencies += 1
                        answered += _answered(phone, number)
                    refused += phone.call(f"+88212345{chance.randrange(1000)}").startswith("SIP/2.0 403")
            standing = len(gate.target().table())
        finally:
            bridge.child.kill()
            producer.close(timeout=5)
            for phone in phones:
                phone.close()
            gate.close()
    return Account(batches * records, standing, emergencies, answered, refused)


def _send(producer: Any, prefix: str, chance: random.Random, sequences: dict[str, int], records: int) -> dict[str, str]:
    """One batch; gives the decision of each caller, which stand last: one customer's records keep their order."""
    others = [f"{chance.randrange(10, 10 * records)}" for _ in range(records - len(CALLERS))]
    last = {}
    for licence in (*others, *CALLERS):
        sequence = sequences[licence] = sequences.get(licence, 0) + 1
        if licence not in CALLERS and sequence > 1 and chance.random() < 0.3:
            one = lifted(licence, sequence, by="lea")
        else:
            chosen = chance.choice(SETS)
            # Callers are abroad and surcharged by any of these: the satellite call must be refused.
            prefixes = ["+882", "1", "+33"] if "prefixes" in chosen else []
            one = record(licence, sequence, by="lea", restrictions=chosen, prefixes=prefixes, allowed_numbers=[], home_prefixes=["+33"])
        last[licence] = one["decision_id"]
        placed(producer, prefix, one, PARTITIONS)
    producer.flush()
    return {licence: last[licence] for licence in CALLERS}


def _stands(gate: Gate, licence: str, decision: str) -> bool:
    found = gate.rpc("htable.get", "suspended", f"u{licence}@{DOMAIN}")
    return decision in str(found.get("item", {}).get("value", ""))


def _answered(phone: Phone, number: str) -> bool:
    answer = phone.call(number)
    assert answer.startswith("SIP/2.0 200"), f"{number}: {answer.partition(chr(13))[0]}"
    return True
