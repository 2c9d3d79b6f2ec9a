import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import pytest

from detectors.errors import PolicyError
from streams.embedded import WORK, Settings, run
from streams.errors import InputUnreadable, UsageError
from streams.lock import own
from streams.outputs import ALERTS, DEAD_LETTERS, FILES, METERING, SUSPENSIONS
from streams.progress import Silent
from streams.sources import Input, resolve
from streams.times import format_time
from streams.wire import Wire, to_line
from support.files import DAY, HOUR, START, Provider, aor, database, line, provider, write

ROOT = Path(__file__).parents[2]
POLICY: dict[str, Any] = {"name": "test"}
Results = dict[str, bytes]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the provider's lines, a database, and the results of a straight run."""
    directory = tmp_path_factory.mktemp("world")
    database(directory / "geo.mmdb")
    write(directory / "in.jsonl", provider())
    run(settings(directory, directory / "straight"))
    return directory


def settings(world: Path, out: Path, *paths: Path, **more: Any) -> Settings:
    inputs = [Input(str(path)) for path in paths or (world / "in.jsonl",)]
    given: dict[str, Any] = {"inputs": inputs, "out": out, "policy": POLICY, "country_db": world / "geo.mmdb", **more}
    return Settings(**given)


def results(out: Path) -> Results:
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    return {name: (out / name).read_bytes() for name in FILES}


def judged(files: Results) -> Results:
    return {name: files[name] for name in (ALERTS, SUSPENSIONS, METERING)}


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def balanced(summary: dict[str, Any]) -> bool:
    return bool(summary["read"] == summary["accepted"] + summary["duplicates"] + summary["dead_letters"])


# --- the main job ----------------------------------------------------------------------------------------------------------------


def test_a_licence_abroad_is_suspended_and_a_dialler_is_raised_and_the_honest_are_not(world: Path) -> None:
    alerts = [json.loads(one) for one in lines_of(world / "straight" / ALERTS)]
    breaches = {(one["rule"], one["licence"]) for one in alerts if one["level"] == "breach"}
    assert {("abroad-stay", "100"), ("autodial", "101")} <= breaches
    assert {(one["tenant"], one["licence"]) for one in alerts} <= {("customer-0", "100"), ("customer-0", "101"), ("customer-0", None)}
    suspensions = [json.loads(one) for one in lines_of(world / "straight" / SUSPENSIONS)]
    assert {(one["licence"], *one["restrictions"]) for one in suspensions} == {("100", "outgoing")}


def test_the_summary_accounts_for_every_record_and_says_what_was_covered(world: Path) -> None:
    summary = json.loads((world / "straight" / "summary.json").read_bytes())
    assert summary["read"] == summary["accepted"] == len(lines_of(world / "in.jsonl"))
    assert summary["duplicates"] == summary["dead_letters"] == 0
    coverage = summary["coverage"]["pbx-1"]
    assert (coverage["location"], coverage["devices"], coverage["calls"]) == ("full", "full", "full")
    assert summary["alerts"]["rules"]["abroad-stay"] == {"auto": {"breach": 1}}
    assert summary["suspensions"]["active"] == 1
    assert summary["geo"]["built"] == "2026-01-01"


def test_the_same_run_writes_the_same_bytes_with_one_process_or_two(world: Path, tmp_path: Path) -> None:
    run(settings(world, tmp_path / "one"))
    run(settings(world, tmp_path / "two", jobs=2))
    assert results(tmp_path / "one") == results(tmp_path / "two") == results(world / "straight")


def test_shuffled_and_repeated_input_gives_the_same_bytes_of_alerts(world: Path, tmp_path: Path) -> None:
    lines = lines_of(world / "in.jsonl")
    dice = random.Random(7)
    again = dice.sample(lines, len(lines) // 10)
    mixed = lines + again
    dice.shuffle(mixed)
    half = len(mixed) // 2
    files = [write(tmp_path / "other-name.jsonl", mixed[:half]), write(tmp_path / "second.jsonl", mixed[half:])]
    summary = run(settings(world, tmp_path / "out", *files, buffer_records=500, jobs=2))
    assert judged(results(tmp_path / "out")) == judged(results(world / "straight"))
    assert (summary["duplicates"], summary["accepted"]) == (len(again), len(lines))
    assert balanced(summary)


def test_a_repeat_with_another_time_is_a_duplicate_as_well(world: Path, tmp_path: Path) -> None:
    resent = line("call", START, id="x", pbx="p", tenant="t", licence="l", phase="attempt", call_id="c", direction="outbound")
    later = resent.replace(format_time(START).encode(), format_time(START + 5).encode())
    summary = run(settings(world, tmp_path / "out", write(tmp_path / "in.jsonl", [later, resent, resent, later, later])))
    assert (summary["accepted"], summary["duplicates"], summary["dead_letters"]) == (1, 4, 0)


def test_an_id_with_other_content_is_a_dead_letter_with_its_file_and_line(world: Path, tmp_path: Path) -> None:
    call = line("call", START, id="x", pbx="p", tenant="t", licence="l", phase="attempt", call_id="c", direction="outbound")
    forged = call.replace(b'"call_id":"c"', b'"call_id":"other"')
    summary = run(settings(world, tmp_path / "out", write(tmp_path / "in.jsonl", [call, b"", forged])))
    [letter] = [json.loads(one) for one in lines_of(tmp_path / "out" / DEAD_LETTERS)]
    assert (letter["src"], letter["line"], letter["error"]) == (str(tmp_path / "in.jsonl"), 3, "same_id")
    assert balanced(summary)


def test_malformed_lines_are_accounted_exactly_and_none_stops_the_run(world: Path, tmp_path: Path) -> None:
    good = lines_of(world / "in.jsonl")
    bad = [
        *(b"{", b"null", b"[1]", b'{"kind":"call"}', b"\xff\xfe\x00", b"x" * 70_000, b"[" * 5_000),
        *(b'{"kind":"tick","time":"2026-01-01T00:00:00"}', b'{"kind":"tick","time":"1999-01-01T00:00:00Z"}'),
        *(b'{"kind":"nothing","id":"1","time":"2026-01-01T00:00:00Z"}', b'{"v":9,"kind":"tick","time":"2026-01-01T00:00:00Z"}'),
        line("call", START, id="u", pbx="p", phase="attempt", call_id="c", direction="outbound", aor="stranger@nowhere.example"),
        line("registration", START, id="v", pbx="p", action="register", aor=aor("customer-0", 0), tenant="customer-1"),
    ]
    dice = random.Random(3)
    mixed = good + [dice.choice(bad) for _ in range(20_000)]
    dice.shuffle(mixed)
    mixed[100:100] = [b"", b"  \t", b"\r"]
    summary = run(settings(world, tmp_path / "out", write(tmp_path / "in.jsonl", mixed)))
    assert (summary["read"], summary["accepted"], summary["dead_letters"]) == (len(good) + 20_000, len(good), 20_000)
    assert balanced(summary)
    assert judged(results(tmp_path / "out")) == judged(results(world / "straight"))
    letters = [json.loads(one) for one in lines_of(tmp_path / "out" / DEAD_LETTERS)]
    assert [one["line"] for one in letters] == [n for n, one in enumerate(mixed, 1) if one in set(bad)]
    assert {one["error"] for one in letters} >= {"not_json", "unknown_kind", "too_large", "unknown_aor", "tenant_contradicts"}
    assert max(len(one["raw"]) for one in letters) == 4096


def test_a_line_that_never_ends_is_one_dead_letter(world: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [b"a" * 5_000_000, *provider(1, 2, 1), b"b" * 3_000_000])
    summary = run(settings(world, tmp_path / "out", path))
    assert summary["dead_letters"] == 2
    assert balanced(summary)


def test_a_tick_and_a_policy_in_the_input_are_accepted_once(world: Path, tmp_path: Path) -> None:
    extra = [
        line("tick", START + DAY),
        line("policy", START + DAY, id="p", name="later", body={"rules": {"autodial": {"mode": "shadow"}}}),
        line("policy", START, id="q", name="wrong", body={"rules": {"nonsense": {}}}),
        line("reference", START, id="r", name="list", body=["x"]),
        line("erase", START + 9 * DAY, id="e", tenant="customer-1"),
        line("tenant", START, id="t", tenant="customer-2", policy={"rules": {"nope": {}}}),
    ]
    summary = run(settings(world, tmp_path / "out", write(tmp_path / "in.jsonl", [*provider(days=3), *extra])))
    assert summary["dead_letters"] == 2
    assert balanced(summary)
    letters = [json.loads(one) for one in lines_of(tmp_path / "out" / DEAD_LETTERS)]
    assert [one["error"] for one in letters] == ["policy", "policy"]


# --- periods ---------------------------------------------------------------------------------------------------------------------


def test_from_and_to_select_traffic_and_facts_always_apply(world: Path, tmp_path: Path) -> None:
    summary = run(settings(world, tmp_path / "out", since=START + 10 * DAY, before=START + 20 * DAY))
    inside = outside = facts = 0
    for one in map(json.loads, lines_of(world / "in.jsonl")):
        if one["kind"] in ("tenant", "licence"):
            facts += 1
        elif format_time(START + 10 * DAY) <= one["time"] < format_time(START + 20 * DAY):
            inside += 1
        else:
            outside += 1
    assert (summary["read"], summary["accepted"]) == (inside + facts, inside + facts)
    assert summary["inputs"][0]["outside_period"] == outside
    assert summary["unresolved_aors"] == 0


def test_the_end_of_the_input_fires_no_timer_unless_until_says_so(world: Path, tmp_path: Path) -> None:
    lines = [one for one in lines_of(world / "in.jsonl") if json.loads(one)["time"] < format_time(START + 61 * DAY - HOUR)]
    path = write(tmp_path / "in.jsonl", lines)
    plain = run(settings(world, tmp_path / "plain", path))
    later = run(settings(world, tmp_path / "later", path, until=START + 62 * DAY))
    assert plain["alerts"]["rules"]["abroad-stay"] == {"auto": {"notice": 1}}
    assert later["alerts"]["rules"]["abroad-stay"] == {"auto": {"breach": 1}}


# --- inputs ----------------------------------------------------------------------------------------------------------------------


def test_plain_compressed_and_split_inputs_give_the_same_alerts(world: Path, tmp_path: Path) -> None:
    lines = lines_of(world / "in.jsonl")
    (tmp_path / "dir").mkdir()
    write(tmp_path / "dir" / "b.jsonl", lines[::2])
    (tmp_path / "dir" / "a.jsonl.gz").write_bytes(gzip.compress(b"\r\n".join(lines[1::2])))
    inputs = resolve([str(tmp_path / "dir")], {}, {})
    run(settings(world, tmp_path / "out", inputs=inputs))
    assert judged(results(tmp_path / "out")) == judged(results(world / "straight"))


def test_an_adapter_knows_which_aors_are_ours_whatever_the_order_of_inputs(world: Path, tmp_path: Path) -> None:
    inside = {"event": "invite", "ts": f"{START // 1000}.5", "aor": aor("acme", 0), "call_id": "c1", "ruri": f"sip:{aor('acme', 1)}"}
    kamailio = write(tmp_path / "edge.log", [json.dumps(inside).encode(), b"EVT {", b'{"event":"nonsense","ts":"1"}'])
    world_lines = Provider()
    world_lines.customer("acme", 2)
    facts = write(tmp_path / "facts.jsonl", world_lines.lines)
    policy = {"name": "test", "sources": {"edge": {"format": "kamailio"}, "plain": {"format": "jsonl", "pbx": "named"}}}
    inputs = [Input(str(kamailio), "edge"), Input(str(facts), "plain")]
    summary = run(settings(world, tmp_path / "out", inputs=inputs, policy=policy))
    assert summary["coverage"]["edge"]["kinds"] == {"attempt": 1}
    assert summary["dead_letters"] == 2
    assert balanced(summary)
    assert [one["source"] for one in summary["inputs"]] == ["edge", "plain"]


def test_asterisk_rows_are_judged_and_say_that_location_and_sharing_are_not_covered(world: Path, tmp_path: Path) -> None:
    row = (
        b'"","100","0612345678","out","","PJSIP/100-0000002a","PJSIP/trunk-0000002b","Dial","","2026-01-06 10:00:00","2026-01-06 10:00:05",'
        b'"2026-01-06 10:01:00",60,55,"ANSWERED","DOCUMENTATION"'
    )
    source = {"format": "asterisk-csv", "zone": "Europe/Paris", "domain": "acme.example", "pbx": "office"}
    one = Provider()
    one.customer("acme", 1)
    inputs = [Input(str(write(tmp_path / "Master.csv", [row])), "office"), Input(str(write(tmp_path / "facts.jsonl", one.lines)))]
    summary = run(settings(world, tmp_path / "out", inputs=inputs, policy={"name": "t", "sources": {"office": source}}))
    assert summary["accepted"] == 3
    covered = summary["coverage"]["office"]
    assert (covered["location"], covered["devices"], covered["calls"]) == ("none", "none", "partial")
    assert any("CDRs only" in note for note in covered["notes"])


def test_without_a_database_the_run_goes_on_and_says_what_is_not_covered(world: Path, tmp_path: Path) -> None:
    summary = run(settings(world, tmp_path / "out", country_db=None))
    assert summary["geo"] is None
    assert summary["coverage"]["pbx-1"]["location"] == "none"
    assert "abroad-stay" not in summary["alerts"]["rules"]
    assert "autodial" in summary["alerts"]["rules"]


def test_an_exported_log_is_applied_as_it_was_recorded(world: Path, tmp_path: Path) -> None:
    policy = line("policy", 1_000_000_000_000, id="p", name="recorded", body=POLICY)
    events = list(map(Wire().decode, (policy, *provider(days=2))))
    for number, event in enumerate(events):
        event.src, event.line = "vigie.calls/3", number
        event.tenant, event.licence = event.tenant or "acme", event.licence or "7"
    path = write(tmp_path / "log.jsonl", [b'{"kind":"log","v":1}', *map(to_line, events)])
    summary = run(settings(world, tmp_path / "out", path))
    assert summary["read"] == summary["accepted"] == len(events)
    with pytest.raises(UsageError, match="cannot be mixed"):
        run(settings(world, tmp_path / "out", path, world / "in.jsonl"))


def test_an_input_that_breaks_off_is_an_error_and_leaves_no_result(world: Path, tmp_path: Path) -> None:
    whole = gzip.compress((world / "in.jsonl").read_bytes())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputUnreadable, match=r"cut\.jsonl\.gz"):
        run(settings(world, tmp_path / "out", tmp_path / "cut.jsonl.gz"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [WORK]


@pytest.mark.parametrize(
    ("paths", "bindings", "error"),
    [
        (["missing.jsonl"], {}, InputUnreadable), (["a.csv"], {}, UsageError), (["a.jsonl"], {"b.jsonl": "edge"}, UsageError),
        (["a.jsonl"], {"a.jsonl": "unknown"}, UsageError), (["a.jsonl", "a.jsonl"], {}, UsageError), (["empty"], {}, InputUnreadable),
    ],
)  # fmt: skip
def test_inputs_that_cannot_be_judged_are_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], bindings: dict[str, str], error: type[Exception]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    for name in ("a.csv", "a.jsonl"):
        Path(name).write_text("")
    with pytest.raises(error):
        resolve(paths, bindings, {"edge": {"format": "kamailio"}})


def test_a_policy_that_no_rule_understands_is_told_before_anything_is_read(world: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        run(settings(world, tmp_path / "out", policy={"rules": {"nonsense": {}}}))
    assert not (tmp_path / "out").exists()


# --- crashes ---------------------------------------------------------------------------------------------------------------------


class Dies(Silent):
    """Ends the run at its n-th word."""

    def __init__(self, at: int) -> None:
        self.left = at

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        self.advance(0, 0)

    def advance(self, done: int, events: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 8, 14, 20, 24, 28])
def test_a_run_that_ends_anywhere_is_resumed_to_the_same_bytes(world: Path, tmp_path: Path, at: int) -> None:
    small = {"buffer_records": 700, "snapshot_events": 300}
    died = False
    try:
        run(settings(world, tmp_path / "out", **small), Dies(at))
    except KeyboardInterrupt:
        died = True
        assert {path.name for path in (tmp_path / "out").iterdir()} == {WORK}
    run(settings(world, tmp_path / "out", resume=died, **small))
    assert results(tmp_path / "out") == results(world / "straight")


def end_of(process: subprocess.Popen[bytes], out: Path, delay: float) -> int:
    """Kill a run ``delay`` seconds after it first touched its files; gives its exit status."""
    seen = _stamp(out)
    while process.poll() is None and _stamp(out) == seen:
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def _stamp(out: Path) -> list[tuple[str, int]]:
    try:
        return sorted((path.name, path.stat().st_mtime_ns) for path in (out / WORK).iterdir())
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_killed_ten_times_ends_with_the_results_of_a_straight_one(world: Path, tmp_path: Path, jobs: int) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    dice = random.Random(jobs)
    straight, kills, rounds = results(world / "straight"), 0, 0
    while kills < 10:
        rounds += 1
        out = tmp_path / f"out-{rounds}"
        command = [
            sys.executable,
            "-m",
            "support.small_run",
            str(world / "in.jsonl"),
            str(out),
            str(world / "geo.mmdb"),
            str(jobs),
            "--resume",
        ]
        for attempt in range(30):
            # Short lives hit the first stages, long ones the snapshots and the renaming at the end.
            delay = dice.uniform(0, 0.05) if attempt % 2 == 0 else dice.uniform(0, 0.4)
            with subprocess.Popen(command, env=environment) as process:
                status = end_of(process, out, delay)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            kills += 1
        else:
            assert subprocess.run(command, env=environment, check=False).returncode == 0
        assert results(out) == straight


def test_only_the_run_that_was_begun_can_be_resumed(world: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(settings(world, tmp_path / "out"), Dies(3))
    with pytest.raises(UsageError, match="the policy differs"):
        run(settings(world, tmp_path / "out", resume=True, policy={"name": "other"}))
    with pytest.raises(UsageError, match="the period differs"):
        run(settings(world, tmp_path / "out", resume=True, until=START))


def test_without_resume_a_killed_run_is_begun_anew(world: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(settings(world, tmp_path / "out"), Dies(6))
    run(settings(world, tmp_path / "out"))
    assert results(tmp_path / "out") == results(world / "straight")


def test_two_runs_do_not_write_into_one_directory(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.lock.WAIT_S", 0.1)
    (tmp_path / "out").mkdir()
    with own(tmp_path / "out"), pytest.raises(UsageError, match="another run"):
        run(settings(world, tmp_path / "out"))


# --- memory ----------------------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_input(world: Path, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        writer = Provider()
        writer.customer("acme", 4)
        for n in range(count):
            writer.registration("acme", n % 4, START + n * 30_000, "2.0.0.9", "refresh")
        random.Random(1).shuffle(writer.lines)
        path = write(tmp_path / f"{count}.jsonl", writer.lines)
        del writer
        tracemalloc.start()
        try:
            run(settings(world, tmp_path / f"out-{count}", path, buffer_records=50))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Fills what is remembered of times and addresses: bounded by itself, and a different share of it for each input.
    peak(320 * 50)
    # Both inputs have more runs than a merge may open: every structure is full at 80 buffers, 320 add names of files alone.
    small, large = peak(80 * 50), peak(320 * 50)
    # The 12,000 events that one has more take over 12 MB when they are held.
    assert large - small < 6_000_000
