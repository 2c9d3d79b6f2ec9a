"""Messages on their way: an e-mail or a webhook, tried again until it is taken, with a name by which a receiver sees a repeat."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

import httpx2

from console.db.engine import Database
from console.db.tables import Notification
from console.notify import happenings, letters, mail
from console.notify.config import Channel, Config, Mail, Secrets
from console.notify.mail import ANSWER_S, post
from console.notify.pulse import Pulse
from console.settings import wall_clock
from console.web.words import Words
from streams.times import format_time

log = logging.getLogger(__name__)
#: A claim lasts longer than all tries of one block.
LEASE_MS = 300_000
BLOCK = 20
#: Between two tries: 10 s, doubled up to 10 minutes.
RETRY_MS, LONGEST_MS = 10_000, 600_000
LOOK_S = 2.0
FAILURES = (*mail.FAILURES, httpx2.HTTPError, httpx2.InvalidURL)


def run(database: Database, config: Config, secrets: Secrets, stopping: threading.Event, pulse: Pulse) -> None:
    """Look, write and send until told to stop."""
    while not stopping.is_set():
        try:
            turn(database, config, secrets, wall_clock(), pulse)
            pulse.beat()
        except Exception:
            # Databases come back; a notifier that ended would be found out on the day it was needed.
            log.exception("a turn failed; trying again")
        stopping.wait(LOOK_S)


def turn(database: Database, config: Config, secrets: Secrets, now: int, pulse: Pulse | None = None) -> int:
    """One look: new messages are written, and what is due is sent. Returns how many were."""
    with database.writing() as session:
        happenings.plan(session, config, now)
    with database.writing() as session:
        rows = happenings.claim(session, now, LEASE_MS, BLOCK)
    done = 0
    for row in rows:
        error = _try(row, config, secrets)
        if pulse is not None:
            pulse.tried(error)
        with database.writing() as session:
            kept = session.get_one(Notification, row.notification_id)
            kept.error = error[:500]
            if error:
                kept.not_before = now + min(LONGEST_MS, RETRY_MS << min(row.attempts - 1, 10))
                log.warning("message %s by %s was not taken: %s", row.about, row.channel, error)
            else:
                kept.sent_at = now
                done += 1
    return done + letters.turn(database, config, secrets, now)


def _try(row: Notification, config: Config, secrets: Secrets) -> str:
    channel = config.channels.get(row.channel)
    if channel is None:
        return f"no channel is called {row.channel} any more"
    try:
        if channel.kind == "email":
            assert config.mail is not None
            post(config.mail, secrets.mail, _letter(row, config, channel, config.mail))
        else:
            _hook(channel, secrets.hooks.get(row.channel), row, config)
    except FAILURES as error:
        return f"{type(error).__name__}: {error}"
    return ""


def texts(row: Notification, config: Config) -> tuple[str, list[str]]:
    """Subject and lines of a message, in the language of the file."""
    words = Words(config.language, "Europe/Paris")
    body = row.body
    rule = words.rule(row.rule) if row.rule else ""
    # Words of the contracts become words of the reader; a count and a name stay.
    table = {"restriction": "review.restriction", "receipt": "notify.states"}.get(row.kind, "")
    detail = ", ".join(words.known(table, one) for one in body["detail"].split(", "))
    title = words.t(f"notify.{row.kind}.title", subject=body["subject"], rule=rule)
    lines = [words.t(f"notify.{row.kind}.text", subject=body["subject"], rule=rule, detail=detail, time=words.clock(body["at"]))]
    if row.step:
        title = words.t("notify.again", title=title)
        lines.append(words.t("notify.nobody"))
    lines.append(link(row, config))
    return title, lines


def link(row: Notification, config: Config) -> str:
    """Where in the console to look."""
    alert_id = row.body["alert_id"]
    return f"{config.origin.rstrip('/')}/" + (f"alerts/{alert_id}" if alert_id and row.kind == "restriction" else "systems")


def _name(row: Notification) -> str:
    """Of this message; a receiver that has it takes it once."""
    return hashlib.sha256(f"{row.about}\n{row.channel}\n{row.step}".encode()).hexdigest()[:32]


def _letter(row: Notification, config: Config, channel: Channel, mail: Mail) -> EmailMessage:
    title, lines = texts(row, config)
    letter = EmailMessage()
    # A tenant's name was written by strangers: the line it stands in ends where we end it.
    letter["Subject"] = " ".join(title.split())
    letter["From"], letter["To"] = mail.from_, ", ".join(channel.to)
    letter["Date"] = format_datetime(datetime.fromtimestamp(row.created_at / 1000, UTC))
    letter["Message-ID"] = f"<{_name(row)}@vigie>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content("\n\n".join(lines) + "\n")
    return letter


def _hook(channel: Channel, key: bytes | None, row: Notification, config: Config) -> None:
    title, lines = texts(row, config)
    said = {
        "id": _name(row),
        "kind": row.kind,
        "rule": row.rule,
        "subject": row.body["subject"],
        "alert_id": row.body["alert_id"],
        "detail": row.body["detail"],
        "time": format_time(row.body["at"]),
        "escalated": row.step > 0,
        "title": title,
        # Chat services show this field of what comes by a hook.
        "text": "\n".join([title, *lines]),
        "url": link(row, config),
    }
    value = json.dumps(said, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "idempotency-key": said["id"], "user-agent": "vigie"}
    if key:
        headers["x-vigie-signature"] = "sha256=" + hmac.new(key, value, hashlib.sha256).hexdigest()
    # Without redirects and without a proxy of the environment: it goes where the file says, or nowhere.
    answer = httpx2.post(channel.url, content=value, headers=headers, timeout=ANSWER_S, trust_env=False, follow_redirects=False)
    if not answer.is_success:
        raise OSError(f"{channel.url} answered {answer.status_code}")
