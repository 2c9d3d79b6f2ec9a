"""A real Kamailio, driven by sipp, writes a log that the adapter reads whole; the log kept in samples/ is one of those."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from detectors.events import Call, Event, Licence, Registration, Tenant
from pbx.adapter import build
from streams.wire import Wire, to_line

ROOT = Path(__file__).parents[2]
WIRE = Wire()
DIALLER = "poste7@pbx.example"


def accounts(directory: Path) -> list[Event]:
    return [WIRE.decode(line) for line in (directory / "accounts.jsonl").read_bytes().splitlines()]


def events(directory: Path) -> list[Event]:
    """All events of a recording; a line that cannot be read, or breaks the contracts, raises."""
    ours = {aor for fact in accounts(directory) if isinstance(fact, Licence) for aor in fact.aors}
    adapter = build({"format": "kamailio", "pbx": "pbx-1"}, "recorded", ours.__contains__)
    assert adapter is not None
    found = [event for line in (directory / "events.jsonl").read_bytes().splitlines() for event in adapter.events(line)]
    assert [WIRE.decode(to_line(event)).id for event in found] == [event.id for event in found]
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for program in ("kamailio", "sipp"):
        assert shutil.which(program), f"{program} is not installed; run scripts/system-packages (make test does)"
    out = tmp_path_factory.mktemp("recorded")
    done = subprocess.run([ROOT / "samples/record-kamailio", out, "--attempts", "40"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module", params=["recorded now", "kept in samples"])
def recording(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue("recorded") if request.param == "recorded now" else ROOT / "samples" / "kamailio"


def calls(recording: Path, phase: str) -> list[Call]:
    return [event for event in events(recording) if isinstance(event, Call) and event.phase == phase]


def test_every_line_gives_one_event_with_an_id_of_its_own(recording: Path) -> None:
    found = events(recording)
    assert len(found) == len((recording / "events.jsonl").read_bytes().splitlines())
    assert len({event.id for event in found}) == len(found)


def test_every_kind_of_event_is_there(recording: Path) -> None:
    found = events(recording)
    assert {event.action for event in found if isinstance(event, Registration)} == {
        "register", "refresh", "unregister", "expire", "failed", "refused",
    }  # fmt: skip
    assert {event.phase for event in found if isinstance(event, Call)} == {"attempt", "answer", "end"}
    assert {event.direction for event in found if isinstance(event, Call)} == {"outbound", "internal", "inbound"}
    ends = Counter((event.status, event.ended_by) for event in calls(recording, "end"))
    assert set(ends) == {(487, "caller"), (486, "callee"), (None, "caller"), (None, "callee")}


def test_phones_show_their_instance_when_they_register_and_when_they_call(recording: Path) -> None:
    found = events(recording)
    registered = {event.device for event in found if isinstance(event, Registration)}
    assert len(registered) == 6
    assert all(device and device.startswith("urn:uuid:") for device in registered)
    assert {call.device for call in calls(recording, "attempt") if call.direction != "inbound"} == registered


def test_each_call_is_one_leg_from_its_attempt_to_its_end(recording: Path) -> None:
    attempts = {(call.call_id, call.leg_id): call for call in calls(recording, "attempt") if call.refused_by is None}
    ends = {(call.call_id, call.leg_id): call for call in calls(recording, "end")}
    assert set(attempts) == set(ends)
    assert all(leg for _, leg in attempts)
    for key, end in ends.items():
        assert end.started_at == attempts[key].started_at
        assert end.aor == attempts[key].aor


def test_the_emergency_call_is_marked(recording: Path) -> None:
    assert {(call.aor, call.callee) for call in calls(recording, "attempt") if call.emergency} == {("lucie@pbx.example", "112")}


def test_a_user_agent_with_quotes_arrived_as_one_string(recording: Path) -> None:
    agents = {event.user_agent for event in events(recording) if isinstance(event, Registration) and event.aor.startswith("olivier")}
    assert agents == {'Bria 6.5.2 "salle","aor":"direction@pbx.example"'}


def test_the_dialler_calls_like_a_machine_and_the_others_do_not(recording: Path) -> None:
    starts = sorted(call.started_at or 0 for call in calls(recording, "attempt") if call.aor == DIALLER)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert len(starts) >= 40
    assert statistics.stdev(gaps) / statistics.mean(gaps) < 0.25
    answered = [call for call in calls(recording, "answer") if call.aor == DIALLER]
    assert 0.1 < len(answered) / len(starts) < 0.2
    others = Counter(call.aor for call in calls(recording, "attempt") if call.aor != DIALLER)
    assert max(others.values()) <= 4


def test_the_accounts_name_two_customers_and_six_softphones(recording: Path) -> None:
    facts = accounts(recording)
    assert {fact.tenant for fact in facts if isinstance(fact, Tenant)} == {"atelier-lune", "cabinet-rive"}
    licences = [fact for fact in facts if isinstance(fact, Licence)]
    assert {fact.type for fact in licences} == {"softphone"}
    assert len(licences) == 6


def test_facts_come_before_what_is_judged_by_them(recording: Path) -> None:
    assert max(fact.time for fact in accounts(recording)) <= min(event.time for event in events(recording))


def test_the_kept_log_holds_over_two_hundred_attempts_of_the_dialler_and_stays_small() -> None:
    kept = ROOT / "samples" / "kamailio"
    kinds = [json.loads(line)["event"] for line in (kept / "events.jsonl").read_bytes().splitlines() if b'"aor":"poste7@' in line]
    assert kinds.count("invite") == 240
    assert sum(path.stat().st_size for path in kept.iterdir()) < 400_000


def test_a_missing_directory_or_a_wrong_number_is_bad_usage() -> None:
    for arguments in ([], ["out", "--attempts", "0"]):
        done = subprocess.run([ROOT / "samples/record-kamailio", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
