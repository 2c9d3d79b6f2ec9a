"""``vigie labels export`` from a run's results and from the console's database: what was judged comes out as labels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from console.db.engine import Database, open_database
from console.db.migrate import migrate
from console.db.tables import Alert
from console.load import load_results
from console.people import accounts
from console.people.person import Person, person_of
from console.review import deciding, leases
from console.review.deciding import Judgement
from models.labels import read
from models.labels.pseudonyms import VARIABLE
from streams.times import format_time
from support.core import ms
from support.files import database, line, provider, write
from vigie.cli import app

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef" * 4
#: The log ends on 9 January; decisions of files come after it.
JUDGED = ms("2026-01-12 09:00")
AS_OF = "2026-02-01"
POLICY = '[general]\naudit_per_thousand = 1000\naudit_calls = 2\naudit_most = 10\n[rules.autodial]\nmode = "review"\n'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of five days of a small provider, their features, and a master key."""
    directory = tmp_path_factory.mktemp("labels")
    database(directory / "geo.mmdb")
    write(directory / "in.jsonl", provider(days=5))
    (directory / "policy.toml").write_text(POLICY)
    (directory / "key").write_text(KEY + "\n")
    assert vigie(directory, "run", "in.jsonl", "--out", "out").exit_code == 0
    assert vigie(directory, "features", "in.jsonl", "--out", "features.parquet").exit_code == 0
    judge(directory)
    return directory


def vigie(world: Path, command: str, *arguments: str, until: str = "2026-01-11") -> Result:
    paths = [str(world / one) if not one.startswith("-") else one for one in arguments]
    common = ["--geo", str(world / "geo.mmdb"), "--policy", str(world / "policy.toml"), "--until", until]
    return CliRunner().invoke(app, [command, *paths, *common])


def export(world: Path, out: str, *more: str, source: tuple[str, ...] = (), key: str | None = None) -> Result:
    given = source or ("--data", str(world / "out"))
    arguments = ["--features", str(world / "features.parquet"), "--as-of", AS_OF, "--out", str(world / out), *given, *more]
    keys = ["--key", str(world / "key")] if key is None else []
    return CliRunner().invoke(app, ["labels", "export", *arguments, *keys], env={"COLUMNS": "160", VARIABLE: key or None})


def alerts(world: Path) -> list[dict[str, Any]]:
    """The first statement of every alert."""
    found = [json.loads(one) for one in (world / "out" / "alerts.jsonl").read_bytes().splitlines()]
    return [one for one in found if one["kind"] == "alert" and one["update"] == 1]


def review(alert: dict[str, Any], number: int, verdict: str, **more: Any) -> bytes:
    base = {"tenant": alert["tenant"], "licence": alert["licence"], "alert_id": alert["alert_id"], "seen_update": alert["update"]}
    given = {"id": f"rv-{number}", "review_id": f"rv-{number}", "verdict": verdict, "action": "none", "reviewer": "mina-the-reviewer"}
    return line("review", JUDGED + number, **{**base, **given, **more})


def judge(world: Path) -> None:
    """All alerts are judged; the dialler's twice alike, the first sample is no clear case and the last one is judged too late."""
    lines = []
    for number, alert in enumerate(alerts(world)):
        abusive = alert["rule"] != "audit"
        second = {"second_review_id": f"rv-second-{number}"} if alert["rule"] == "autodial" else {}
        lines.append(review(alert, number, "breach" if abusive else "no_breach", **second))
    audits = [alert for alert in alerts(world) if alert["rule"] == "audit"]
    lines.append(review(audits[0], 1_000, "inconclusive"))
    lines.append(line("review", ms(AS_OF), id="late", review_id="late", alert_id=audits[-1]["alert_id"], verdict="breach", reviewer="noe"))
    (world / "out" / "reviews.jsonl").write_bytes(b"".join(one + b"\n" for one in lines))


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


# -- from files --------------------------------------------------------------------------------------------------------


def test_every_judged_alert_is_a_row_with_its_features_and_the_counts_add_up(world: Path) -> None:
    done = export(world, "labels.parquet")
    assert done.exit_code == 0, done.output
    found, said = rows(world / "labels.parquet"), alerts(world)
    assert len(found) == len(said)
    assert f"{len(said)} alerts decided = {len(said)} rows + 0 without a row" in done.output
    (dialler,) = [row for row in found if row["rule"] == "autodial"]
    assert (dialler["label"], dialler["attempts"], str(dialler["day"]), dialler["row_age_days"]) == (1, 262, "2026-01-05", 0)
    assert (dialler["second_verdict"], dialler["second_reviewer"], dialler["blind"]) == ("breach", None, None)
    audits = [row for row in found if row["sampling"] == "audit"]
    assert {(row["level"], row["propensity"], row["row_age_days"]) for row in audits} == {("audit", 1.0, 0)}
    assert sorted(row["verdict"] for row in audits) == ["inconclusive"] + ["no_breach"] * (len(audits) - 1)
    shown = {row["attempts"] for row in audits}
    assert shown == {2.0}
    assert read(world / "labels.parquet").names[0] == "registrations"


def test_balance_conflicts_and_the_share_of_audit_samples_are_printed(world: Path) -> None:
    output = export(world, "printed.parquet").output
    words = ("Labels", "autodial", "audit", "inconclusive", "second opinions", "conflicts", "audit share", "%", "weak")
    assert [word for word in words if word not in output] == []


def test_the_same_question_gives_the_same_bytes_in_any_process(world: Path) -> None:
    assert export(world, "once.parquet").exit_code == 0
    options = ["--features", "features.parquet", "--as-of", AS_OF, "--out", "again.parquet", "--data", "out"]
    command = [sys.executable, "-c", "from vigie.cli import main; main()", "labels", "export", *options]
    environment = os.environ | {"PYTHONHASHSEED": "7", VARIABLE: KEY, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=world, env=environment, check=True, capture_output=True)
    assert (world / "again.parquet").read_bytes() == (world / "once.parquet").read_bytes()


def test_neither_the_key_nor_a_name_is_written_or_printed(world: Path, tmp_path: Path) -> None:
    done = [
        export(world, "secret.parquet"),
        export(world, "secret.parquet", key=KEY),
        export(world, "secret.parquet", "--rule", "x", key="short"),
    ]
    assert [one.exit_code for one in done] == [0, 0, 2]
    table = pq.read_table(world / "secret.parquet")
    pq.write_table(table, tmp_path / "plain.parquet", compression="none", use_dictionary=False)
    for secret in (KEY, KEY.encode().hex(), "customer-0", "mina-the-reviewer"):
        assert secret.encode() not in (tmp_path / "plain.parquet").read_bytes()
        assert secret.encode() not in (world / "secret.parquet").read_bytes()
        assert all(secret not in one.output for one in done)


def test_exports_for_two_purposes_share_no_pseudonym(world: Path) -> None:
    for purpose in ("training", "research"):
        assert export(world, f"{purpose}.parquet", "--purpose", purpose).exit_code == 0
    columns = ("alert_id", "tenant", "licence", "reviewer")
    one, other = ({row[name] for row in rows(world / f"{purpose}.parquet") for name in columns} for purpose in ("training", "research"))
    assert one & other == set()
    assert pq.read_schema(world / "research.parquet").metadata[b"purpose"] == b"research"


def test_alerts_without_features_are_listed(world: Path) -> None:
    done = vigie(world, "features", "in.jsonl", "--out", "few.parquet", "--to=2026-01-07", until="2026-01-06T12:00:00Z")
    assert done.exit_code == 0
    done = export(world, "few-labels.parquet", "--features", str(world / "few.parquet"))
    assert done.exit_code == 0
    assert "0 without a row" in done.output
    assert max(row["row_age_days"] for row in rows(world / "few-labels.parquet")) > 0
    done = vigie(world, "features", "in.jsonl", "--out", "none.parquet", "--to=2026-01-06", until="2026-01-05T12:00:00Z")
    done = export(world, "none-labels.parquet", "--features", str(world / "none.parquet"), "--rule", "autodial")
    (dialler,) = [one for one in alerts(world) if one["rule"] == "autodial"]
    assert ("1 without a row" in done.output, dialler["alert_id"] in done.output) == (True, True)


def test_what_is_asked_wrongly_is_refused_in_one_line(world: Path) -> None:
    refusals = [
        (export(world, "no.parquet", source=("--data", str(world))), 2, "judge events first"),
        (export(world, "no.parquet", "--database", "sqlite:///x"), 2, "either --data"),
        (export(world, "no.parquet", source=("--database", f"sqlite:///{world}/no.sqlite")), 2, "is not there"),
        (export(world, "no.parquet", key=""), 2, "--key FILE"),
        (export(world, "no.parquet", "--as-of", "someday"), 2, "--as-of"),
        (export(world, "no.parquet", "--features", str(world / "in.jsonl")), 3, "vigie features"),
        (export(world, "missing/no.parquet"), 2, "directory that exists"),
    ]
    assert [(one.exit_code, words in one.output, len(one.output.splitlines())) for one, _, words in refusals] == [
        (status, True, 1) for _, status, _ in refusals
    ]
    assert not (world / "no.parquet").exists()
    assert not (world / "no.sqlite").exists()


def test_reviews_of_samples_that_a_run_reads_are_verdicts_and_not_reviews_of_nothing(world: Path) -> None:
    source = [str(world / "in.jsonl"), str(world / "out" / "reviews.jsonl")]
    common = ["--geo", str(world / "geo.mmdb"), "--policy", str(world / "policy.toml"), "--until", "2026-01-13"]
    assert CliRunner().invoke(app, ["run", *source, "--out", str(world / "again"), *common]).exit_code == 0
    counts = json.loads((world / "again" / "summary.json").read_bytes())["counts"]
    audits = sum(alert["rule"] == "audit" for alert in alerts(world))
    # Without alert are the one that names no licence, and the one on the dialler, whose episode was over by then.
    assert (counts["audit_verdicts"], counts["reviews_without_alert"]) == (audits + 1, 2)


# -- from the console's database ---------------------------------------------------------------------------------------


@pytest.fixture
def console(world: Path, tmp_path: Path) -> Database:
    """The console's database with the run's results, and three people."""
    opened = open_database(tmp_path / "console.sqlite")
    migrate(opened)
    with opened.writing() as session:
        load_results(session, world / "out", JUDGED)
        for login, role in (("mina", "reviewer"), ("noe", "reviewer"), ("lea", "lead")):
            accounts.create(session, login=login, name=login, roles=[role], who="test", now=JUDGED)
    return opened


def decide(opened: Database, login: str, alert_id: str, verdict: str, at: int, action: str = "none") -> str:
    with opened.writing() as session:
        person: Person = person_of(session.query(accounts.User).filter_by(login=login).one(), "s")
        lease = leases.take(session, alert_id, person.user_id, at)
        alert = session.get(Alert, alert_id)
        assert lease is not None
        assert alert is not None
        asked = Judgement(verdict, action, "clear", f"{login}-{at}", seen_update=alert.update)
        return deciding.decide(session, person, alert_id, lease.token, asked, now=at, files=True).decision_id


def of_rule(world: Path, rule: str) -> list[str]:
    return [alert["alert_id"] for alert in alerts(world) if alert["rule"] == rule]


def test_a_sample_waits_in_the_queue_and_its_verdict_is_a_label_with_its_propensity(world: Path, tmp_path: Path, console: Database) -> None:
    sample = of_rule(world, "audit")[0]
    with console.reading() as session:
        waiting = session.get(Alert, sample)
        assert waiting is not None
        assert (waiting.rule, waiting.status, waiting.level, waiting.propensity) == ("audit", "new", "audit", 1.0)
    decide(console, "mina", sample, "no_breach", JUDGED)
    console.close()
    assert export(world, "db.parquet", source=("--database", f"sqlite:///{tmp_path}/console.sqlite")).exit_code == 0
    (row,) = rows(world / "db.parquet")
    assert (row["sampling"], row["label"], row["propensity"], row["attempts"]) == ("audit", 0, 1.0, 2.0)
    assert format_time(round(row["decided_at"].timestamp() * 1000)) == format_time(JUDGED)


def test_second_opinions_undone_and_later_decisions_come_out_as_they_stood(world: Path, tmp_path: Path, console: Database) -> None:
    (dialler,) = of_rule(world, "autodial")
    first, *others = of_rule(world, "audit")
    decide(console, "mina", dialler, "breach", JUDGED, "suspend")  # no automatic cause: a second person is needed
    decide(console, "noe", dialler, "no_breach", JUDGED + 60_000)
    undone = decide(console, "mina", first, "breach", JUDGED + 70_000)
    with console.writing() as session:
        person = person_of(session.query(accounts.User).filter_by(login="mina").one(), "s")
        deciding.undo(session, person, undone, now=JUDGED + 71_000)
    decide(console, "mina", others[0], "no_breach", ms(AS_OF))
    console.close()
    done = export(world, "db2.parquet", source=("--database", f"sqlite:///{tmp_path}/console.sqlite"))
    assert done.exit_code == 0, done.output
    (row,) = rows(world / "db2.parquet")
    assert (row["rule"], row["verdict"], row["second_verdict"], row["blind"], row["weak"]) == (
        "autodial",
        "breach",
        "no_breach",
        True,
        False,
    )
    assert row["reviewer"] != row["second_reviewer"]
    assert "1 alerts decided = 1 rows" in done.output


def test_a_database_of_another_schema_is_refused_and_left_alone(world: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite"
    open_database(old).close()
    done = export(world, "no.parquet", source=("--database", f"sqlite:///{old}"))
    assert (done.exit_code != 0, "vigie console migrate" in done.output, len(done.output.splitlines())) == (True, True, 1)
