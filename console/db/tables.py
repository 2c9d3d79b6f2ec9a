"""Every table of the console.

Times are integer milliseconds UTC and money is integer cents, as everywhere in vigie: no column depends on the zone of a server or
on a driver's rounding. JSON keeps the key order it was given (PostgreSQL's ``json``, not ``jsonb``), so a statement can be exported
as it came. What may not happen is refused by constraints, not by pages: a second reviewer who is the first, a restriction that
needed a second person and goes out without one, a changed row of the audit log (triggers of the first migration).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

#: Rights. An administrator manages people and may do what every other role may; nobody else holds several by default.
ROLES = ("reviewer", "lead", "analyst", "publisher", "operator", "auditor", "administrator")
LANGUAGES = ("fr", "en")
THEMES = ("auto", "light", "dark")
#: How a session began: the one-time link, password and TOTP, or single sign-on.
SIGNED_IN = ("link", "password", "oidc")
LINKS = ("first", "invite", "reset")
#: What the console knows of an alert beyond detect's open, withdrawn, closed (console.md, states).
STATUSES = ("new", "watch", "second", "disagreed", "decided", "published", "applied", "reraised", "expired", "closed")
#: Statuses in which a person has something to do.
WAITING = ("new", "disagreed", "reraised", "expired", "second")
VERDICTS = ("breach", "no_breach", "inconclusive")
ACTIONS = ("none", "watch", "warn", "restrict", "suspend", "lift")
#: A decision's place: the first judgement, the blind second, the lead's, a cancelling row, or service given back.
PARTS = ("first", "second", "lead", "undo", "reinstate")
RECEIPTS = ("applied", "failed", "refused", "stale", "held", "dry_run")
POLICY_STATES = ("draft", "checked", "shadow", "live", "retired", "refused")
JOB_STATES = ("queued", "running", "done", "failed", "cancelled")
#: How a notice reached the customer.
NOTICES = ("mail", "hand")
OUTBOX_KINDS = ("review", "exemption", "bridge", "policy")


ZERO = text("0")


class Base(DeclarativeBase):
    """All tables; names of constraints are fixed, because a migration can only change what it can name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain class attribute
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        str: Text(),
    }


def one_of(column: str, words: tuple[str, ...], *, optional: bool = False) -> CheckConstraint:
    """A constraint: the column holds one of the words (or nothing, if optional)."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})" + (f" OR {column} IS NULL" if optional else ""), name=column)


def _id() -> Mapped[int]:
    # SQLite numbers rows by itself only for INTEGER; PostgreSQL would run out of 32 bits in a busy outbox.
    return mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)


def _ms(**more: Any) -> Mapped[Any]:
    return mapped_column(BigInteger(), **more)


def _word(**more: Any) -> Mapped[Any]:
    return mapped_column(String(20), **more)


# --- people -----------------------------------------------------------------------------------------------------------------


class User(Base):
    """A person. ``login`` is lower case; a local account has a password and TOTP, another an issuer and a subject."""

    __tablename__ = "users"
    __table_args__ = (one_of("language", LANGUAGES), one_of("theme", THEMES), UniqueConstraint("oidc_issuer", "oidc_subject"))

    user_id: Mapped[int] = _id()
    login: Mapped[str] = mapped_column(String(200), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    password_hash: Mapped[str | None]
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    #: The last time step whose code was taken: a code that was looked at over a shoulder works once.
    totp_step: Mapped[int] = _ms(server_default=ZERO)
    oidc_issuer: Mapped[str | None] = mapped_column(String(500))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    language: Mapped[str] = _word(server_default="fr")
    theme: Mapped[str] = _word(server_default="auto")
    zone: Mapped[str] = mapped_column(String(64), server_default="Europe/Paris")
    #: Keys as this person set them, by what they do; ``{"off": true}`` turns single keys off (WCAG 2.1.4).
    keys: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    active: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[int] = _ms()
    roles: Mapped[list[UserRole]] = relationship(lazy="selectin", cascade="all, delete-orphan", order_by="UserRole.role")


class UserRole(Base):
    """A right of a person."""

    __tablename__ = "user_roles"
    __table_args__ = (one_of("role", ROLES),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = _word(primary_key=True)
    granted_at: Mapped[int] = _ms()
    granted_by: Mapped[str] = mapped_column(String(200))


class SignedIn(Base):
    """A session, kept here so that it can be ended from here. The cookie holds the token, this row only its digest."""

    __tablename__ = "sessions"
    __table_args__ = (one_of("how", SIGNED_IN), Index(None, "user_id"))

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Names the session in lists and in forms that end it; says nothing about the token.
    session_id: Mapped[str] = mapped_column(String(32), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    how: Mapped[str] = _word()
    created_at: Mapped[int] = _ms()
    seen_at: Mapped[int] = _ms()
    expires_at: Mapped[int] = _ms()
    revoked_at: Mapped[int | None] = _ms()
    revoked_by: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(300))
    user: Mapped[User] = relationship(lazy="joined")


class SigninLink(Base):
    """A link that signs in once: the first administrator, an invitation, a lost password."""

    __tablename__ = "signin_links"
    __table_args__ = (one_of("purpose", LINKS),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = _word()
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[int] = _ms()
    created_by: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[int] = _ms()
    used_at: Mapped[int | None] = _ms()


class ApiToken(Base):
    """A token of a program; ``scopes`` as in ``console.people.tokens``."""

    __tablename__ = "api_tokens"

    token_id: Mapped[int] = _id()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[list[str]]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[int] = _ms()
    expires_at: Mapped[int] = _ms()
    used_at: Mapped[int | None] = _ms()
    revoked_at: Mapped[int | None] = _ms()


class ApiWrite(Base):
    """What a program asked to be done under a key of its own, and what it was answered; kept for a week."""

    __tablename__ = "api_writes"
    __table_args__ = (Index(None, "at"),)

    token_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), ForeignKey("api_tokens.token_id"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column("write_key", String(200), primary_key=True)
    #: Of the path and the body: the same key with another question is a mistake.
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    answer: Mapped[dict[str, Any] | None]
    at: Mapped[int] = _ms()


class Audit(Base):
    """A row of the audit log, chained to the one before: append-only by triggers, see ``console.audit``."""

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(BigInteger(), primary_key=True, autoincrement=False)
    at: Mapped[int] = _ms(index=True)
    who: Mapped[str] = mapped_column(String(200), index=True)
    what: Mapped[str] = mapped_column(String(60), index=True)
    subject: Mapped[str] = mapped_column(String(300), index=True)
    #: Canonical JSON as text, because the digest covers these bytes.
    old: Mapped[str | None]
    new: Mapped[str | None]
    why: Mapped[str]
    request: Mapped[str] = mapped_column(String(32))
    #: Unique: two rows cannot follow the same one, so the chain cannot fork.
    previous: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)


# --- what detect said -------------------------------------------------------------------------------------------------------


class Tenant(Base):
    """The latest account fact of a customer."""

    __tablename__ = "tenants"

    tenant: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(300), server_default="")
    body: Mapped[dict[str, Any]]
    seen_at: Mapped[int] = _ms()


class Licence(Base):
    """The latest account fact of a licence."""

    __tablename__ = "licences"

    tenant: Mapped[str] = mapped_column(String(200), primary_key=True)
    licence: Mapped[str] = mapped_column(String(200), primary_key=True)
    body: Mapped[dict[str, Any]]
    seen_at: Mapped[int] = _ms()


class Alert(Base):
    """An alert: its last statement, and where its review stands.

    ``state`` is detect's word, ``status`` the console's. ``due_at`` is when a person should have judged it;
    ``expected_loss_cents`` orders the queue (``detectors.money.expected_loss_cents``), renewed with every statement.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        one_of("status", STATUSES),
        one_of("verdict", VERDICTS, optional=True),
        one_of("state", ("open", "withdrawn", "closed")),
        Index(None, "status", "expected_loss_cents"),
        Index(None, "status", "due_at"),
        Index(None, "tenant", "licence"),
        Index(None, "rule", "verdict"),
        # All that the queue filters and sorts by: behind the statement of 8 KiB these columns would be read page by page.
        Index(
            "ix_alerts_queue",
            "status",
            "due_at",
            "expected_loss_cents",
            "alert_id",
            "rule",
            "level",
            "mode",
            "state",
            "tenant",
            "superseded_by",
            "decided_at",
        ),
    )

    alert_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(200))
    licence: Mapped[str | None] = mapped_column(String(200))
    rule: Mapped[str] = mapped_column(String(60))
    clause: Mapped[str] = mapped_column(String(60))
    level: Mapped[str] = _word()
    mode: Mapped[str] = _word()
    origin: Mapped[str] = _word()
    state: Mapped[str] = _word()
    update: Mapped[int] = mapped_column("update_number", Integer())
    measured: Mapped[int] = _ms()
    limit: Mapped[int] = mapped_column("limit_value", BigInteger())
    unit: Mapped[str] = mapped_column(String(100))
    summary: Mapped[str]
    crossed_at: Mapped[int] = _ms()
    issued_at: Mapped[int] = _ms()
    received_at: Mapped[int] = _ms()
    money_at_risk_cents: Mapped[int] = _ms()
    money_if_wrong_cents: Mapped[int] = _ms()
    score: Mapped[float | None]
    propensity: Mapped[float | None]
    policy_version: Mapped[str] = mapped_column(String(64))
    statement: Mapped[dict[str, Any]]
    #: The alert that took this one in, by a merge.
    superseded_by: Mapped[str | None] = mapped_column(String(64))

    status: Mapped[str] = _word(server_default="new")
    #: The last verdict that counts; the decisions have all of them.
    verdict: Mapped[str | None] = _word()
    expected_loss_cents: Mapped[int] = _ms(server_default=ZERO)
    due_at: Mapped[int] = _ms()
    watch_until: Mapped[int | None] = _ms()
    decided_at: Mapped[int | None] = _ms()
    #: Statement that the last decision saw: later ones are new evidence.
    decided_update: Mapped[int | None]


class Statement(Base):
    """Every statement of every alert, as it was said."""

    __tablename__ = "statements"

    alert_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    update: Mapped[int] = mapped_column("update_number", Integer(), primary_key=True)
    state: Mapped[str] = _word()
    level: Mapped[str] = _word()
    measured: Mapped[int] = _ms()
    issued_at: Mapped[int] = _ms()
    received_at: Mapped[int] = _ms()
    body: Mapped[dict[str, Any]]


class Suspension(Base):
    """What stands on a licence now: the latest record, by (epoch, sequence)."""

    __tablename__ = "suspensions"
    __table_args__ = (one_of("state", ("active", "lifted")), Index(None, "state", "issued_at"))

    tenant: Mapped[str] = mapped_column(String(200), primary_key=True)
    licence: Mapped[str] = mapped_column(String(200), primary_key=True)
    epoch: Mapped[int]
    sequence: Mapped[int]
    decision_id: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = _word()
    restrictions: Mapped[list[str]]
    issued_at: Mapped[int] = _ms()
    received_at: Mapped[int] = _ms()
    body: Mapped[dict[str, Any]]


class SuspensionRecord(Base):
    """Every record of every licence, in order; receipts are looked for per record."""

    __tablename__ = "suspension_records"
    __table_args__ = (Index(None, "decision_id"), Index(None, "received_at"))

    tenant: Mapped[str] = mapped_column(String(200), primary_key=True)
    licence: Mapped[str] = mapped_column(String(200), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = _word()
    restrictions: Mapped[list[str]]
    issued_at: Mapped[int] = _ms()
    received_at: Mapped[int] = _ms()
    #: Set once a person has been told that no receipt came.
    alarmed_at: Mapped[int | None] = _ms()
    body: Mapped[dict[str, Any]]


class Receipt(Base):
    """What a telephone system did with a record."""

    __tablename__ = "receipts"
    __table_args__ = (
        one_of("status", RECEIPTS),
        UniqueConstraint("decision_id", "pbx", "status", "applied_at"),
        Index(None, "tenant", "licence"),
    )

    receipt_id: Mapped[int] = _id()
    decision_id: Mapped[str] = mapped_column(String(64))
    pbx: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str] = mapped_column(String(200))
    licence: Mapped[str] = mapped_column(String(200))
    epoch: Mapped[int]
    sequence: Mapped[int]
    status: Mapped[str] = _word()
    applied_at: Mapped[int] = _ms()
    received_at: Mapped[int] = _ms()
    calls_ended: Mapped[int]
    contacts_removed: Mapped[int]
    detail: Mapped[str]


class Heartbeat(Base):
    """The latest heartbeat of each bridge."""

    __tablename__ = "heartbeats"

    pbx: Mapped[str] = mapped_column(String(100), primary_key=True)
    received_at: Mapped[int] = _ms()
    paused: Mapped[bool]
    body: Mapped[dict[str, Any]]


class Breaker(Base):
    """The latest word of each customer's circuit breaker."""

    __tablename__ = "breakers"

    tenant: Mapped[str] = mapped_column(String(200), primary_key=True)
    state: Mapped[str] = _word()
    count: Mapped[int]
    limit: Mapped[int] = mapped_column("limit_value")
    since: Mapped[int] = _ms()
    received_at: Mapped[int] = _ms()


class Metering(Base):
    """A second range of a call that may be billed off-plan."""

    __tablename__ = "metering"
    __table_args__ = (Index(None, "alert_id"), Index(None, "tenant", "licence", "billing_month"))

    metering_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = _word()
    alert_id: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(200))
    licence: Mapped[str] = mapped_column(String(200))
    billing_month: Mapped[str] = mapped_column(String(7))
    seconds: Mapped[int] = _ms()
    body: Mapped[dict[str, Any]]


class Position(Base):
    """How far each source was taken in: a file of results (bytes), or a partition of a topic (offset)."""

    __tablename__ = "positions"

    source: Mapped[str] = mapped_column(String(500), primary_key=True)
    next: Mapped[int] = mapped_column("next_offset", BigInteger())
    #: Digest of a file's beginning: another run wrote over it when this differs.
    mark: Mapped[str] = mapped_column(String(64), server_default="")
    taken_at: Mapped[int] = _ms()


# --- what people do ---------------------------------------------------------------------------------------------------------


class Lease(Base):
    """Who has an alert open. Every write on the alert presents ``token``; an expired lease is free."""

    __tablename__ = "leases"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    token: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[int] = _ms()
    expires_at: Mapped[int] = _ms()


class Decision(Base):
    """What a person judged and asked for. Append-only by triggers: an undo is a row that names the one it cancels.

    A second opinion names the first one and its author; the composite key proves the author, and the check that they differ.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        one_of("part", PARTS),
        one_of("verdict", VERDICTS),
        one_of("action", ACTIONS),
        CheckConstraint("(part = 'second') = (second_of IS NOT NULL)", name="second_names_first"),
        CheckConstraint("(second_of IS NULL) = (first_by IS NULL)", name="first_has_author"),
        CheckConstraint("first_by IS NULL OR first_by <> user_id", name="second_is_another_person"),
        CheckConstraint("(part = 'undo') = (undoes IS NOT NULL)", name="undo_names_undone"),
        ForeignKeyConstraint(["second_of", "first_by"], ["decisions.decision_id", "decisions.user_id"]),
        UniqueConstraint("decision_id", "user_id"),
        UniqueConstraint("decision_id", "second_of"),
        # One undo each: two browsers that race for it meet here.
        UniqueConstraint("undoes"),
        Index(None, "alert_id", "at"),
        Index(None, "user_id", "at"),
    )

    decision_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    at: Mapped[int] = _ms()
    part: Mapped[str] = _word()
    second_of: Mapped[str | None] = mapped_column(String(64))
    first_by: Mapped[int | None] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"))
    undoes: Mapped[str | None] = mapped_column(ForeignKey("decisions.decision_id"))
    verdict: Mapped[str] = _word()
    action: Mapped[str] = _word()
    restrictions: Mapped[list[str]]
    prefixes: Mapped[list[str]]
    until: Mapped[int | None] = _ms()
    reason: Mapped[str] = mapped_column(String(60))
    note: Mapped[str]
    notice: Mapped[dict[str, Any] | None]
    #: Why a second person is needed; empty: none is.
    needs_second: Mapped[str] = mapped_column(String(60), server_default="")
    blind: Mapped[bool] = mapped_column(server_default=false())
    #: Made in bulk, or otherwise a label to trust less.
    weak: Mapped[bool] = mapped_column(server_default=false())
    seen_update: Mapped[int]
    seen_epoch: Mapped[int]
    seen_sequence: Mapped[int]
    #: Digest of the statement as it was on the screen.
    evidence_hash: Mapped[str] = mapped_column(String(64))
    #: What was opened before judging (plots, evidence, similar cases), and for how long.
    opened: Mapped[list[str]]
    seconds: Mapped[int | None]
    bulk_id: Mapped[str | None] = mapped_column(String(64))
    #: Where the alert's review stood before (status, verdict and so on), for the undo.
    before: Mapped[dict[str, Any] | None]
    #: A form sent twice is one decision.
    form: Mapped[str] = mapped_column(String(64), unique=True)
    policy_version: Mapped[str] = mapped_column(String(64))


class Outbox(Base):
    """What leaves the console, written in the transaction of its decision and sent after ``not_before``.

    A review whose action needs a second person cannot be written without that person's decision, nor with one on another alert.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("kind", OUTBOX_KINDS),
        CheckConstraint("NOT needs_second OR second_id IS NOT NULL", name="second_person"),
        CheckConstraint("sent_at IS NULL OR cancelled_at IS NULL", name="sent_or_cancelled"),
        ForeignKeyConstraint(["second_id", "decision_id"], ["decisions.decision_id", "decisions.second_of"]),
        Index(None, "sent_at", "not_before"),
        Index(None, "decision_id"),
    )

    outbox_id: Mapped[int] = _id()
    kind: Mapped[str] = _word()
    message_id: Mapped[str] = mapped_column(String(64), unique=True)
    key: Mapped[str] = mapped_column("message_key", String(500))
    body: Mapped[dict[str, Any]]
    decision_id: Mapped[str | None] = mapped_column(ForeignKey("decisions.decision_id"))
    needs_second: Mapped[bool] = mapped_column(server_default=false())
    second_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[int] = _ms()
    not_before: Mapped[int] = _ms()
    cancelled_at: Mapped[int | None] = _ms()
    sent_at: Mapped[int | None] = _ms()
    attempts: Mapped[int] = mapped_column(server_default=ZERO)
    error: Mapped[str] = mapped_column(server_default="")


class Exemption(Base):
    """What rules leave alone for a while; from the console or from the log (``author_id`` empty)."""

    __tablename__ = "exemptions"
    __table_args__ = (
        CheckConstraint("to_at > from_at", name="ends_after_it_begins"),
        CheckConstraint("second_id IS NULL OR author_id IS NULL OR second_id <> author_id", name="second_is_another_person"),
        Index(None, "tenant", "licence"),
        Index(None, "to_at"),
    )

    exemption_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(200))
    licence: Mapped[str | None] = mapped_column(String(200))
    rules: Mapped[list[str]]
    from_at: Mapped[int] = _ms()
    to_at: Mapped[int] = _ms()
    author: Mapped[str] = mapped_column(String(200))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.user_id"))
    second: Mapped[str | None] = mapped_column(String(200))
    second_id: Mapped[int | None] = mapped_column(ForeignKey("users.user_id"))
    reason: Mapped[str]
    alert_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[int] = _ms()
    revoked_at: Mapped[int | None] = _ms()
    revoked_by: Mapped[str | None] = mapped_column(String(200))


class Note(Base):
    """What a person wrote, on an alert or on a customer."""

    __tablename__ = "notes"
    __table_args__ = (Index(None, "alert_id", "at"), Index(None, "tenant", "licence", "at"))

    note_id: Mapped[int] = _id()
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.alert_id"))
    tenant: Mapped[str] = mapped_column(String(200))
    licence: Mapped[str | None] = mapped_column(String(200))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    at: Mapped[int] = _ms()
    text: Mapped[str]


class Notice(Base):
    """A notice to a customer that left or is about to: by e-mail, or by a person who said how (``address`` names the way then).

    ``text`` is what went, word for word: the decision has both languages, and what it says may not be what was sent.
    """

    __tablename__ = "notices"
    __table_args__ = (
        one_of("how", NOTICES),
        one_of("language", LANGUAGES),
        CheckConstraint("sent_at IS NULL OR cancelled_at IS NULL", name="sent_or_cancelled"),
        Index(None, "alert_id"),
        Index(None, "sent_at", "not_before"),
        Index(None, "tenant", "created_at"),
    )

    notice_id: Mapped[int] = _id()
    decision_id: Mapped[str] = mapped_column(ForeignKey("decisions.decision_id"))
    alert_id: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = _word()
    how: Mapped[str] = _word()
    address: Mapped[str] = mapped_column(String(320))
    text: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[int] = _ms()
    not_before: Mapped[int] = _ms()
    sent_at: Mapped[int | None] = _ms()
    #: The decision was taken back before it left.
    cancelled_at: Mapped[int | None] = _ms()
    attempts: Mapped[int] = mapped_column(server_default=ZERO)
    error: Mapped[str] = mapped_column(server_default="")
    #: A form sent twice is one notice.
    form: Mapped[str] = mapped_column(String(64), unique=True)


class View(Base):
    """Who looked at whose alert."""

    __tablename__ = "views"
    __table_args__ = (Index(None, "alert_id", "at"), Index(None, "user_id", "at"))

    view_id: Mapped[int] = _id()
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    alert_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[int] = _ms()


class Reveal(Base):
    """A number shown in clear: whose, to whom, why. The number itself is not kept."""

    __tablename__ = "reveals"
    __table_args__ = (Index(None, "alert_id", "user_id"),)

    reveal_id: Mapped[int] = _id()
    user_id: Mapped[int] = mapped_column(ForeignKey("users.user_id"))
    alert_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[int] = _ms()
    src: Mapped[str] = mapped_column(String(200))
    line: Mapped[int] = _ms()
    reason: Mapped[str]


# --- policies, jobs, messages -----------------------------------------------------------------------------------------------


class PolicyDraft(Base):
    """A version of a policy on its way: draft, checked, shadow, live. Its author never makes it live."""

    __tablename__ = "policies"
    __table_args__ = (
        one_of("state", POLICY_STATES),
        CheckConstraint("published_by IS NULL OR published_by <> author_id", name="publisher_is_another_person"),
        Index(None, "state", "published_at"),
    )

    policy_id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(200))
    #: TOML as the author wrote it, comments included.
    body: Mapped[str]
    version: Mapped[str] = mapped_column(String(64))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("policies.policy_id"))
    state: Mapped[str] = _word(server_default="draft")
    comment: Mapped[str]
    #: Nobody for the policy that came with the data.
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[int] = _ms()
    checked_at: Mapped[int | None] = _ms()
    checks: Mapped[dict[str, Any] | None]
    published_by: Mapped[int | None] = mapped_column(ForeignKey("users.user_id"))
    published_at: Mapped[int | None] = _ms()
    retired_at: Mapped[int | None] = _ms()


class Job(Base):
    """Something that takes a while: a what-if, a bulk decision, an export. A worker that died leaves ``beat_at`` behind."""

    __tablename__ = "jobs"
    __table_args__ = (one_of("state", JOB_STATES), Index(None, "state", "created_at"))

    job_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = _word()
    state: Mapped[str] = _word(server_default="queued")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.user_id"))
    asked: Mapped[dict[str, Any]]
    done: Mapped[int] = _ms(server_default=ZERO)
    total: Mapped[int] = _ms(server_default=ZERO)
    cancel_asked: Mapped[bool] = mapped_column(server_default=false())
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[int] = _ms()
    started_at: Mapped[int | None] = _ms()
    beat_at: Mapped[int | None] = _ms()
    finished_at: Mapped[int | None] = _ms()


class Notification(Base):
    """A message to a person outside the console; ``about`` is unique, so nobody is woken twice for one thing."""

    __tablename__ = "notifications"
    __table_args__ = (UniqueConstraint("about", "channel", "step"), Index(None, "sent_at", "not_before"))

    notification_id: Mapped[int] = _id()
    about: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(60))
    channel: Mapped[str] = mapped_column(String(100))
    #: 0 at first, one more at each escalation.
    step: Mapped[int] = mapped_column(server_default=ZERO)
    body: Mapped[dict[str, Any]]
    created_at: Mapped[int] = _ms()
    not_before: Mapped[int] = _ms()
    sent_at: Mapped[int | None] = _ms()
    acknowledged_at: Mapped[int | None] = _ms()
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    attempts: Mapped[int] = mapped_column(server_default=ZERO)
    error: Mapped[str] = mapped_column(server_default="")


class Setting(Base):
    """A setting of the console, changed on a page and audited; also the summary of the run that was loaded."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column("setting", String(100), primary_key=True)
    value: Mapped[dict[str, Any]]
    changed_at: Mapped[int] = _ms()
    changed_by: Mapped[str] = mapped_column(String(200))
