"""The notice to the customer leaves by e-mail once it cannot be taken back, or a person says how it left; the case shows either."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update

from console import taking
from console.db.engine import Database
from console.db.tables import Audit, Notice, Outbox
from console.notify.config import Config, Secrets
from console.notify.sending import turn
from console.review.second import sampled
from support.console import BEGIN, Browser, Clock, Served, forms, statement, visible
from support.smtp import Mailbox, mailbox
from vigie.dev.process import LOOPBACK

ONCE = next(f"al-{n}" for n in range(100) if not sampled(f"al-{n}"))
PAGE = f"/alerts/{ONCE}"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


@pytest.fixture
def mina(served: Served, sqlite: Database) -> Browser:
    """A reviewer who has warned a customer."""
    with sqlite.writing() as session:
        taking.alerts(session, [statement(ONCE)], BEGIN)
    browser = served.person("mina", "reviewer")
    browser.post(f"{PAGE}/take", on=PAGE)
    judged = {"verdict": "breach", "action": "warn", "reason": "clear"}
    shown = browser.post(f"{PAGE}/decide", judged, on=PAGE)
    assert shown.status_code == 200, shown.text
    hidden = forms(shown.text)[f"{PAGE}/decide"]
    texts = {f"notice_{language}": f"Notice in {language}, at length." for language in ("fr", "en")}
    assert browser.post(f"{PAGE}/decide", {**hidden, **texts}).status_code == 303
    return browser


def config(box: Mailbox) -> Config:
    mail = {"host": LOOPBACK, "port": box.port, "from": "vigie@example.com", "tls": "none", "reply_to": "support@example.com"}
    channels = {"team": {"kind": "email", "to": ["fraud@example.com"]}}
    routes: list[dict[str, Any]] = [{"on": ["breaker"], "to": ["team"]}]
    return Config.model_validate({"origin": "http://x", "mail": mail, "channels": channels, "routes": routes})


def tell(browser: Browser, **fields: str) -> Any:
    return browser.post(f"{PAGE}/notice", {"language": "fr", **fields}, on=PAGE)


def test_without_a_mail_server_nothing_is_offered_and_a_person_says_how_it_was_sent(mina: Browser, sqlite: Database) -> None:
    page = mina.get(PAGE).text
    assert "Notice in fr, at length." in page
    assert 'value="mail"' not in page
    assert tell(mina, how="mail", address="boss@acme.example").status_code == 422
    assert tell(mina, how="hand", way=" ").status_code == 422
    assert tell(mina, how="hand", way="registered letter to M. Durand").status_code == 303
    shown = unescape(visible(mina.get(PAGE).text))
    assert "Mina sent the customer notice, in French: registered letter to M. Durand" in shown
    with sqlite.reading() as session:
        (row,) = session.scalars(select(Notice)).all()
        assert (row.how, row.sent_at, row.text) == ("hand", BEGIN, "Notice in fr, at length.")
        (audited,) = session.scalars(select(Audit).where(Audit.what == "notice.send")).all()
        assert "registered letter" in str(audited.new)


def test_an_e_mail_leaves_once_the_time_to_undo_is_over_and_once(mina: Browser, sqlite: Database, clock: Clock, box: Mailbox) -> None:
    turn(sqlite, config(box), Secrets("", {}), BEGIN)
    assert "vigie@example.com" in mina.get(PAGE).text
    assert tell(mina, how="mail", address="boss@acme.example, other@acme.example").status_code == 422
    assert tell(mina, how="mail", address="boss@acme.example", form="one").status_code == 303
    assert tell(mina, how="mail", address="boss@acme.example", form="one").status_code == 303
    assert "waits to be sent to boss@acme.example" in visible(mina.get(PAGE).text)
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 9_999) == 0
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 10_000) == 1
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 20_000) == 0
    ((recipients, letter),) = box.letters
    assert recipients == ["boss@acme.example"]
    assert (letter["Reply-To"], letter["Subject"]) == ("support@example.com", "À propos de 101 : article 5.d de votre contrat")
    assert letter.get_content().strip() == "Notice in fr, at length."
    clock.pass_by(20_000)
    shown = visible(mina.get(PAGE).text)
    assert "Customer notice sent to boss@acme.example for Mina, in French" in shown
    # The customer's address is offered the next time.
    assert 'value="boss@acme.example"' in mina.get(PAGE).text


def test_a_server_that_refuses_is_asked_again_and_the_page_says_so(mina: Browser, sqlite: Database, box: Mailbox) -> None:
    turn(sqlite, config(box), Secrets("", {}), BEGIN)
    tell(mina, how="mail", address="boss@acme.example")
    box.refusing = True
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 10_000) == 0
    assert "not taken yet: SMTPRecipientsRefused" in visible(mina.get(PAGE).text)
    box.refusing = False
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 20_000) == 1
    assert len(box.letters) == 1


def test_a_decision_that_was_taken_back_tells_nobody(mina: Browser, sqlite: Database, box: Mailbox) -> None:
    turn(sqlite, config(box), Secrets("", {}), BEGIN)
    tell(mina, how="mail", address="boss@acme.example")
    with sqlite.reading() as session:
        decision = session.scalars(select(Notice.decision_id)).one()
    mina.post(f"/decisions/{decision}/undo", on=f"{PAGE}?done={decision}")
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 10_000) == 0
    assert box.letters == []
    assert "not sent, the decision was taken back" in visible(mina.get(PAGE).text)
    assert f"{PAGE}/notice" not in forms(mina.get(PAGE).text)


def test_a_letter_is_no_quicker_than_the_decision_it_tells_of(mina: Browser, sqlite: Database, box: Mailbox) -> None:
    # A set decided at once holds its reviews until ten seconds after its last alert.
    turn(sqlite, config(box), Secrets("", {}), BEGIN)
    tell(mina, how="mail", address="boss@acme.example")
    with sqlite.writing() as session:
        session.execute(update(Outbox).values(not_before=BEGIN + 60_000))
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 59_999) == 0
    assert turn(sqlite, config(box), Secrets("", {}), BEGIN + 60_000) == 1


def test_a_page_offers_no_sending_once_the_notifier_is_gone(mina: Browser, sqlite: Database, clock: Clock, box: Mailbox) -> None:
    turn(sqlite, config(box), Secrets("", {}), BEGIN)
    assert 'value="mail"' in mina.get(PAGE).text
    clock.pass_by(121_000)
    assert 'value="mail"' not in mina.get(PAGE).text
