"""The comparison of hosts on a small twin: the hosts of our own environment judge everything, and what is written down is so."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.events import Shape, write_country_db, write_events
from bench.hosts import data, docs
from bench.hosts.judge import Judge, Meter
from bench.hosts.peers import REQUIREMENTS, Missing, environment, require
from bench.hosts.run import BYTEWAX, EMBEDDED, INGESTED, OURS, PEERS, QUIX, Row, Tables, results
from bench.hosts.running import Figures, Host, HostFailed
from bench.run import ROOT, measure
from detectors.state import decode
from streams.partition import PARTITIONS
from vigie.dev.broker import Broker

TWIN = Shape.of(2_000)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Partition logs of the twin."""
    out = tmp_path_factory.mktemp("hosts")
    measure("logs", write_events(TWIN, out), write_country_db(out), out / "logs", PARTITIONS)
    return out / "logs"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running Kafka."""
    with Broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def start(module: str, topic: str, of: str, amount: data.Amount, folder: Path, bootstrap: str = "") -> Host:
    state = folder / "state"
    state.mkdir()
    command = [sys.executable, "-m", module, "--bootstrap", bootstrap, "--topic", topic, "--of", of, "--group", "one"]
    command += ["--state", str(state), "--events", str(amount.events), "--records", str(amount.records)]
    return Host(command, folder / "log", None)


def test_frames_and_single_records_hold_the_same_events(logs: Path) -> None:
    of_frames, of_records = data.amounts(logs)
    assert of_frames.events == of_records.events == of_records.records
    # Registrations and calls, the account facts, and for each partition the policy and the holidays.
    assert of_frames.events == TWIN.events + TWIN.licences + TWIN.tenants + 2 * PARTITIONS
    keys = {key for number in range(PARTITIONS) for key, _ in data.records(logs, number)}
    assert len(keys) > TWIN.licences


def test_a_judge_says_the_same_over_frames_and_over_single_records(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    states = []
    for of, records in (("frames", data.frames), ("records", data.records)):
        judge = Judge(Meter(10**9))
        latest: dict[str, bytes] = {}
        for number in range(PARTITIONS):
            for _, value in records(logs, number):
                judge.judge(number, value, of)
                latest |= judge.changed(number)
        states.append(latest)
    assert states[0] == states[1]
    assert len(states[0]) == TWIN.licences
    assert all(decode("l", state).licence for state in states[0].values())
    marks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [mark["what"] for mark in marks].count("first") == 2


def test_a_meter_refuses_to_end_before_the_last_event() -> None:
    meter = Meter(10)
    assert not meter.add(9)
    with pytest.raises(SystemExit, match="only 9 of 10"):
        meter.end()
    assert meter.add(1)
    meter.end()


def test_the_embedded_host_judges_every_event_of_the_logs(logs: Path, tmp_path: Path) -> None:
    amount, _ = data.amounts(logs)
    host = start(EMBEDDED.module, str(logs), "frames", amount, tmp_path)
    done = host.mark("done", 60)
    assert done.events == amount.events
    assert done.cpu > host.mark("first", 1).cpu


def test_faust_with_a_record_per_event_judges_every_record_of_the_topic(logs: Path, broker: Broker, tmp_path: Path) -> None:
    _, amount = data.amounts(logs)
    data.create_topic(broker.bootstrap, "one")
    data.produce(broker.bootstrap, "one", ((number, data.records(logs, number)) for number in range(PARTITIONS)))
    assert sum(data.ends(broker.bootstrap, ["one"]).values()) == amount.records
    host = start(PEERS[0].module, "one", "records", amount, tmp_path, broker.bootstrap)
    assert host.mark("done", 90).events == amount.events


def test_a_host_that_ends_early_says_why(tmp_path: Path) -> None:
    host = Host([sys.executable, "-c", "raise SystemExit('no such group')"], tmp_path / "log", None)
    with pytest.raises(HostFailed, match="status 1: no such group"):
        host.mark("done", 20)


def test_a_peer_that_is_not_there_is_told_with_its_reason() -> None:
    with pytest.raises(Missing, match="No module named 'absent_package'"):
        require(Path(sys.executable), "absent_package")


def test_an_environment_is_made_once_for_its_requirements(tmp_path: Path) -> None:
    (tmp_path / "wanted.txt").write_text("# nothing\n")
    python = environment(tmp_path / "peers", tmp_path / "wanted.txt")
    made = python.stat().st_ctime_ns, (tmp_path / "peers" / "requirements.txt").stat().st_mtime_ns
    assert environment(tmp_path / "peers", tmp_path / "wanted.txt") == python
    assert made == (python.stat().st_ctime_ns, (tmp_path / "peers" / "requirements.txt").stat().st_mtime_ns)


def test_what_the_core_needs_has_the_same_version_among_the_peers_as_in_our_lock() -> None:
    lock = {line.split(" ")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    pins = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    assert all("==" in pin for pin in pins)
    assert {pin for pin in pins if pin.split("==")[0] in ("msgspec", "tzdata", "xxhash")} <= lock


TABLES = Tables(
    [Row(OURS, Figures(41_000.4, 15.52, 3.0)), Row(QUIX, Figures(20_000, 23.0, 4.0)), Row(BYTEWAX.name, None, "no wheel | for this")],
    [Row(INGESTED, Figures(25_000, 43.0, 3.0)), Row(QUIX, Figures(23_000, 42.04, None))],
)


def test_results_have_bars_where_something_is_promised_and_no_line_for_what_could_not_run() -> None:
    found = {one.name: (one.value, one.unit, one.bar, one.holds) for one in results(TABLES)}
    assert found[f"{OURS}, over frames"] == (41_000, "events/s", 30_000, True)
    assert found[f"{OURS}, over frames, from kill -9 to the first record"] == (3.0, "s", 15.0, True)
    assert found[f"{INGESTED}, over single records, CPU"] == (43.0, "µs/event", 42.0, False)
    assert found[f"{QUIX}, over single records, CPU"] == (42.0, "µs/event", None, None)
    assert not any(BYTEWAX.name in name for name in found)


def test_the_section_of_the_docs_is_replaced_between_its_marks_and_names_what_could_not_run(tmp_path: Path) -> None:
    doc = tmp_path / "benchmarks.md"
    doc.write_text("before\n<!-- measured: python -m bench.hosts --write-docs -->\nformer\n<!-- end hosts -->\nafter\n")
    docs.write(TABLES, TWIN, doc)
    text = doc.read_text()
    assert text.startswith("before\n<!-- measured:")
    assert text.endswith("<!-- end hosts -->\nafter\n")
    assert "former" not in text
    assert f"| {OURS} | 41,000 | 15.5 | 3.0 |" in text
    assert f"| {BYTEWAX.name} | could not run: no wheel / for this | | |" in text
    assert "- over single records no more CPU per event than Quix Streams, ingest included: **does not hold**" in text
