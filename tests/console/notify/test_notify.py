"""Who is woken, for what, when, and that nobody is woken twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import generate_latest
from sqlalchemy import select

from console import taking
from console.db.engine import Database
from console.db.tables import Alert, Notification, SuspensionRecord
from console.notify import happenings
from console.notify.config import Config, ConfigError, Secrets, load
from console.notify.pulse import STALE_S, Pulse
from console.notify.sending import turn
from console.settings import wall_clock
from streams.times import format_time
from support.console import BEGIN, Clock, statement, suspension
from support.smtp import Mailbox, mailbox
from vigie.dev.process import LOOPBACK

MINUTE = 60_000
KEY = b"a secret"
CLI = (sys.executable, "-c", "from vigie.cli import main; main()")


class Hooks(ThreadingHTTPServer):
    """Takes webhooks; answers ``status``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Hook)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 204

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}/hook"


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hooks = cast(Hooks, self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        if hooks.status < 300:
            hooks.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(hooks.status)
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Office:
    """A database, a clock, and a notifier that looks when told to."""

    def __init__(self, database: Database, clock: Clock, box: Mailbox, hooks: Hooks) -> None:
        self.database, self.clock, self.box, self.hooks = database, clock, box, hooks
        self.routes: list[dict[str, Any]] = [{"on": ["restriction", "breaker", "receipt"], "to": ["team"]}]
        self.look()
        clock.pass_by(1)

    @property
    def config(self) -> Config:
        team = {"kind": "email", "to": ["team@acme.example", "two@acme.example"]}
        mail = {"host": LOOPBACK, "port": self.box.port, "from": "vigie@acme.example", "tls": "none"}
        channels = {"team": team, "pager": {"kind": "webhook", "url": self.hooks.url}}
        given = {"origin": "https://vigie.example", "language": "en", "mail": mail, "channels": channels, "routes": self.routes}
        return Config.model_validate(given)

    def look(self, minutes: int = 0) -> None:
        self.clock.pass_by(minutes * MINUTE)
        turn(self.database, self.config, Secrets("", {"pager": KEY}), self.clock())

    def restrict(self, licence: str = "101", rule: str = "toll-fraud", sequence: int = 1, mode: str = "auto") -> None:
        cause = {"alert_id": f"al-{licence}", "rule": rule, "mode": mode, "restrictions": ["international"], "review_by": None}
        more = {"licence": licence, "causes": [cause], "decision_id": f"de-{licence}-{sequence}"}
        with self.database.writing() as session:
            taking.alerts(session, [statement(f"al-{licence}", licence=licence, rule=rule)], self.clock())
            taking.suspensions(session, [suspension(sequence, **more)], self.clock())

    def subjects(self) -> list[str]:
        return [letter["subject"] for _, letter in self.box.letters]


@pytest.fixture
def office(database: Database, clock: Clock, box: Mailbox, hooks: Hooks) -> Office:
    return Office(database, clock, box, hooks)


def test_an_automatic_restriction_is_told_once_by_mail_however_often_it_is_repeated(office: Office) -> None:
    office.restrict()
    for sequence in (2, 3):
        office.look()
        office.restrict(sequence=sequence)
    office.look(60)
    [(recipients, letter)] = office.box.letters
    assert recipients == ["team@acme.example", "two@acme.example"]
    assert letter["subject"] == "acme/101 restricted automatically: Toll fraud"
    assert "https://vigie.example/alerts/al-101" in letter.get_content()
    assert letter["message-id"].endswith("@vigie>")


def test_what_a_person_decided_and_what_happened_before_the_first_run_wakes_nobody(office: Office) -> None:
    office.restrict(mode="review")
    office.look()
    office.clock.at -= 2
    office.restrict("102")
    office.clock.at += 2
    office.look()
    assert office.subjects() == []


def test_a_breaker_that_opens_is_told_and_again_when_it_opens_anew(office: Office) -> None:
    for hour, state in enumerate(("open", "closed", "open")):
        office.clock.pass_by(MINUTE)
        word = {"tenant": "acme", "state": state, "count": 6, "limit": 5, "since": f"2026-11-24T0{hour}:00:00.000Z"}
        with office.database.writing() as session:
            taking.breaker(session, word, office.clock())
        office.look()
        office.look()
    assert office.subjects() == ["Circuit breaker open: acme"] * 2


def test_a_missing_receipt_is_told(office: Office) -> None:
    office.restrict()
    with office.database.writing() as session:
        session.scalars(select(SuspensionRecord)).one().alarmed_at = office.clock()
    office.look()
    assert sorted(office.subjects()) == ["No receipt: acme/101", "acme/101 restricted automatically: Toll fraud"]


def test_a_route_of_some_rules_leaves_the_others_alone(office: Office) -> None:
    office.routes = [{"on": ["restriction"], "rules": ["autodial"], "to": ["team"]}]
    office.restrict("101", "toll-fraud")
    office.restrict("102", "autodial")
    office.look()
    assert [subject.split()[0] for subject in office.subjects()] == ["acme/102"]


def test_in_quiet_hours_it_waits_for_their_end(office: Office) -> None:
    office.routes[0]["quiet"] = {"from": "13:00", "to": "15:00", "zone": "Europe/Paris"}
    office.restrict()
    # 14:02 in Paris.
    office.look()
    office.look(57)
    assert office.subjects() == []
    office.look(1)
    assert len(office.subjects()) == 1


@pytest.mark.parametrize(
    ("now", "end"),
    [("23:30", "2026-11-25 07:00"), ("03:00", "2026-11-24 07:00"), ("07:00", ""), ("12:00", ""), ("22:00", "2026-11-25 07:00")],
)
def test_quiet_hours_may_pass_midnight(now: str, end: str) -> None:
    given = {"from": "22:00", "to": "07:00", "zone": "Europe/Paris"}
    route = {"on": ["breaker"], "to": ["a"], "quiet": given}
    channels = {"a": {"kind": "webhook", "url": "http://a.example"}}
    config = Config.model_validate({"origin": "https://a.example", "channels": channels, "routes": [route]})
    quiet = config.routes[0].quiet
    assert quiet is not None

    def ms(text: str) -> int:
        return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)

    at = ms(f"2026-11-24 {now}")
    assert quiet.until(at) == (ms(end) if end else at)


def test_what_nobody_takes_up_goes_to_the_next_one_signed_and_only_once(office: Office) -> None:
    office.routes[0]["escalate"] = {"after_minutes": 15, "to": ["pager"]}
    office.restrict()
    office.look()
    office.look(14)
    assert office.hooks.taken == []
    office.look(1)
    office.look(30)
    [(headers, body)] = office.hooks.taken
    said = json.loads(body)
    assert (said["kind"], said["rule"], said["alert_id"], said["escalated"]) == ("restriction", "toll-fraud", "al-101", True)
    assert headers["x-vigie-signature"] == "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
    assert headers["idempotency-key"] == said["id"]


@pytest.mark.parametrize("how", ["judged", "acknowledged"])
def test_what_somebody_took_up_goes_no_further(office: Office, how: str) -> None:
    office.routes[0]["escalate"] = {"after_minutes": 15, "to": ["pager"]}
    office.restrict()
    office.look()
    with office.database.writing() as session:
        if how == "judged":
            session.get_one(Alert, "al-101").verdict = "no_breach"
        else:
            happenings.acknowledge(session, session.scalars(select(Notification.about)).one(), "mina", office.clock())
    office.look(30)
    assert office.hooks.taken == []


def test_a_server_that_refuses_is_tried_again_later_and_the_next_one_is_told_meanwhile(office: Office) -> None:
    office.routes[0]["escalate"] = {"after_minutes": 15, "to": ["pager"]}
    office.box.refusing, office.hooks.status = True, 302
    office.restrict()
    for _ in range(20):
        office.look(1)
    assert office.subjects() == []
    with office.database.reading() as session:
        errors = {row.channel: row.error for row in session.scalars(select(Notification))}
    assert "451" in errors["team"]
    assert "302" in errors["pager"]
    office.box.refusing, office.hooks.status = False, 204
    for _ in range(20):
        office.look(1)
    assert (len(office.subjects()), len(office.hooks.taken)) == (1, 1)


def test_a_line_break_in_a_customers_name_makes_no_header(office: Office) -> None:
    word = {"tenant": "a\r\nBcc: all@acme.example", "state": "open", "count": 6, "limit": 5, "since": format_time(BEGIN)}
    with office.database.writing() as session:
        taking.breaker(session, word, office.clock())
    office.look()
    [(_, letter)] = office.box.letters
    assert letter["bcc"] is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "no TOML"),
        ("origin = 'https://a'\n[channels.a]\nkind='fax'\n[[routes]]\non=['breaker']\nto=['a']", "channels.a.kind"),
        ("origin = 'https://a'\n[channels.a]\nkind='email'\nto=['a@b']\n[[routes]]\non=['breaker']\nto=['a']", "mail"),
        ("origin = 'https://a'\n[channels.a]\nkind='webhook'\nurl='http://a'\n[[routes]]\non=['breaker']\nto=['b']", "'b'"),
        ("origin = 'https://a'\n[channels.a]\nkind='webhook'\nurl='http://a'\n[[routes]]\non=['rain']\nto=['a']", "routes.0.on"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "n.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        load(tmp_path / "n.toml")


def test_the_command_runs_tells_and_stops(tmp_path: Path, url: str, database: Database, box: Mailbox) -> None:
    (tmp_path / "n.toml").write_text(
        f"""
origin = "https://vigie.example"
[mail]
host = "{LOOPBACK}"
port = {box.port}
from = "vigie@acme.example"
tls = "none"
[channels.team]
kind = "email"
to = ["team@acme.example"]
[[routes]]
on = ["breaker"]
to = ["team"]
""",
        "utf-8",
    )
    with database.writing() as session:
        happenings.happenings(session, wall_clock() - MINUTE)
        word = {"tenant": "acme", "state": "open", "count": 6, "limit": 5, "since": format_time(wall_clock())}
        taking.breaker(session, word, wall_clock())
    command = [*CLI, "notify", "--config", str(tmp_path / "n.toml"), "--database", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not box.letters and process.poll() is None:
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert [letter["subject"] for _, letter in box.letters] == ["Disjoncteur ouvert : acme"]


def test_a_notifier_without_a_good_turn_for_four_minutes_is_unwell() -> None:
    now = 0.0
    pulse = Pulse(lambda: now)
    assert (pulse.health(), pulse.ready()) == ("", "the first look at the database is not over")
    pulse.beat()
    pulse.tried("")
    pulse.tried("OSError: refused")
    now = STALE_S
    assert (pulse.health(), pulse.ready()) == ("", "")
    now += 1
    assert pulse.health().startswith("no turn went well for 241 s")
    said = generate_latest(pulse.registry).decode()
    assert 'vigie_notify_messages_total{outcome="told"} 1.0' in said
    assert 'vigie_notify_messages_total{outcome="failed"} 1.0' in said
