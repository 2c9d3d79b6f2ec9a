"""The sample city: the same bytes each time, lines of the contracts, and the accidents it promises."""

import gzip
import ipaddress
import json
import runpy
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import maxminddb
import pytest

from streams.errors import ContractRefused
from streams.wire import Wire

CITY = runpy.run_path(str(Path(__file__).parents[2] / "samples" / "make_city.py"))
FILES = ("facts.jsonl", "registrations.jsonl.gz", "calls.jsonl.gz", "city.mmdb")


def make(out: Path, seed: int = 1, days: int = 120) -> Path:
    CITY["write"](CITY["build"](seed, days), out)
    return out


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")
def lines(city: Path) -> list[bytes]:
    packed = [gzip.decompress((city / name).read_bytes()).splitlines() for name in FILES[1:3]]
    return [*(city / FILES[0]).read_bytes().splitlines(), *packed[0], *packed[1]]


def test_a_seed_gives_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    one, again, other = make(tmp_path / "a", days=20), make(tmp_path / "b", days=20), make(tmp_path / "c", seed=2, days=20)
    assert [(one / name).read_bytes() for name in FILES] == [(again / name).read_bytes() for name in FILES]
    assert (one / FILES[2]).read_bytes() != (other / FILES[2]).read_bytes()


def test_it_is_six_customers_in_150_000_to_250_000_records(lines: list[bytes]) -> None:
    facts = [json.loads(line) for line in lines[:200] if b'"kind":"tenant"' in line or b'"kind":"licence"' in line]
    assert Counter(fact["kind"] for fact in facts)["tenant"] == 6
    assert 55 <= Counter(fact["kind"] for fact in facts)["licence"] <= 70
    assert 150_000 <= len(lines) <= 250_000


def test_all_but_a_few_lines_are_of_the_contracts(lines: list[bytes]) -> None:
    wire, refused, ids = Wire(), Counter[str](), Counter[str]()
    for line in lines:
        try:
            ids[wire.decode(line).id] += 1
        except ContractRefused as error:
            refused[error.error] += 1
    assert 5 <= sum(refused.values()) <= 60
    assert len(refused) >= 3, "broken lines are broken in several ways"
    assert 200 <= sum(count - 1 for count in ids.values()) <= 1_000, "some records are sent again"


def test_its_days_end_on_31_october_and_are_in_the_order_of_time(lines: list[bytes]) -> None:
    wire, times = Wire(), []
    for line in lines:
        try:
            event = wire.decode(line)
        except ContractRefused:
            continue
        if event.__class__.__name__ in ("Call", "Registration"):
            times.append(event.time)
    assert datetime.fromtimestamp(max(times) / 1000, UTC).date().isoformat() == "2026-10-31"
    assert 118 <= (max(times) - min(times)) / 86_400_000 <= 120.05, "the last Sunday of October has 25 hours"


def test_its_addresses_have_a_country_and_are_global(city: Path, lines: list[bytes]) -> None:
    addresses = set()
    for line in lines:
        if b'"v":1' in line and line.endswith(b"}"):
            record = json.loads(line)
            addresses |= {record.get("source_ip"), record.get("answered_ip")} - {None}
    with maxminddb.open_database(city / "city.mmdb") as countries:
        assert {countries.get(address)["country"]["iso_code"] for address in addresses} == {"FR", "ES", "PT", "MA", "CH"}  # type: ignore[index,call-overload]
    assert all(ipaddress.ip_address(address).is_global for address in addresses)


def test_one_pbx_gives_call_records_without_addresses_and_emergency_calls_are_marked(lines: list[bytes]) -> None:
    calls = [json.loads(line) for line in lines if b'"kind":"call"' in line and line.endswith(b"}")]
    records = [call for call in calls if call.get("pbx") == "pbx-valfleur"]
    assert {call.get("phase") for call in records} == {"cdr"}
    assert not any(call.get("source_ip") or call.get("answered_ip") for call in records)
    assert {call["callee"] for call in calls if call.get("emergency")} <= {"112", "15", "17", "18"}
    assert sum(bool(call.get("emergency")) for call in calls) >= 20


def test_the_generator_knows_nothing_of_the_rules() -> None:
    source = (Path(__file__).parents[2] / "samples" / "make_city.py").read_text("utf-8")
    assert not any(f"{word} {room}" in source for room in ("detectors", "streams", "models", "vigie") for word in ("import", "from"))
