"""The life of a policy: draft, checked, shadow, live by a second person; and back to the one before at one key.

A draft is never changed, only followed by another: what was checked and replayed is what goes live. The database refuses an author
who publishes (``ck_policies_publisher_is_another_person``); this module says so before it comes to that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console import audit
from console.db.tables import Outbox, PolicyDraft
from console.errors import ConsoleError
from console.people.person import Person
from console.trial.policy_text import PolicyTextError, checked, named_files, parsed, with_whole_paths
from detectors.errors import VigieError
from streams.durable import replace_file
from streams.host_policy import number_plan
from streams.times import format_time

#: Files beside the results: the policy for ``vigie run --policy``, and the same change as an event for a run that goes on.
POLICY, CONTROL = "policy.toml", "control.jsonl"


class PolicyStep(ConsoleError):
    """A step that this policy cannot take now; ``key`` names the text that says why."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def live(session: Session) -> PolicyDraft | None:
    """The policy in force, if the console knows one."""
    return session.scalar(
        select(PolicyDraft).where(PolicyDraft.state == "live").order_by(PolicyDraft.published_at.desc(), PolicyDraft.policy_id.desc())
    )


def begin(session: Session, text: str, now: int) -> PolicyDraft:
    """The policy that came with the data, as the first one in force; the one there is when there is one.

    Raises:
        PolicyTextError: it is no policy.
    """
    known = live(session)
    if known is not None:
        return known
    body, version = checked(text)
    first = PolicyDraft(
        name=str(body.get("name", ""))[:200], body=text, version=version, state="live", comment="", created_at=now, published_at=now
    )
    session.add(first)
    session.flush()
    audit.append(session, at=now, who="vigie", what="policy.begin", subject=f"policy/{first.policy_id}", new={"version": version})
    return first


def draft(session: Session, person: Person, text: str, comment: str, now: int, request: str) -> PolicyDraft:
    """A new draft, to follow the policy in force.

    Raises:
        PolicyTextError: it is no TOML.
        PolicyStep: it says what is in force already.
    """
    body = parsed(text)
    parent = live(session)
    if parent is not None and parent.body == text:
        raise PolicyStep("policy.same")
    try:
        version = checked(text)[1]
    except PolicyTextError:
        # It may be wrong as yet; checking says how.
        version = ""
    row = PolicyDraft(name=str(body.get("name", ""))[:200], body=text, version=version, state="draft", comment=comment, created_at=now)
    row.author_id, row.parent_id = person.user_id, parent.policy_id if parent else None
    session.add(row)
    session.flush()
    _said(session, person.login, "policy.draft", row, now, request, why=comment)
    return row


def check(session: Session, person: Person, row: PolicyDraft, base: Path, now: int, request: str) -> bool:
    """Check a draft with the rules and files it names; its ``checks`` say what was found.

    Raises:
        PolicyStep: it is no draft.
    """
    if row.state not in ("draft", "checked"):
        raise PolicyStep("policy.not_draft")
    try:
        body, row.version = checked(row.body)
        for where, path in named_files(body):
            if not (base / path).is_file():
                raise PolicyTextError(f"{where}: there is no file {base / path}")
        number_plan(body, base)
        with_whole_paths(row.body, base)
        row.checks, row.state = {"error": ""}, "checked"
    except VigieError as error:
        row.checks, row.state = {"error": str(error)}, "draft"
    row.checked_at = now
    _said(session, person.login, "policy.check", row, now, request)
    return row.state == "checked"


def may_publish(row: PolicyDraft, person: Person) -> str:
    """The text of why this person may not put this policy in force; empty when they may."""
    if row.state != "shadow":
        return "policy.not_shadow"
    if row.author_id == person.user_id:
        return "policy.own"
    return "" if person.may("publisher") else "policy.not_publisher"


def publish(session: Session, person: Person, row: PolicyDraft, now: int, request: str, why: str, *, broker: bool) -> None:
    """Put a policy in force, by a person who is not its author.

    Raises:
        PolicyStep: it was not replayed, or by its author, or another one has come into force since it was made.
    """
    refused = may_publish(row, person)
    if refused:
        raise PolicyStep(refused)
    now_live = live(session)
    if now_live is not None and row.parent_id != now_live.policy_id:
        raise PolicyStep("policy.overtaken")
    _replace(session, now_live, now)
    row.state, row.published_by, row.published_at, row.retired_at = "live", person.user_id, now, None
    _said(session, person.login, "policy.publish", row, now, request, why=why, old=now_live)
    if broker:
        _send(session, row, person.login, now)


def before(session: Session) -> PolicyDraft | None:
    """The policy that a rollback brings back: the one that was in force last."""
    return session.scalar(
        select(PolicyDraft).where(PolicyDraft.state == "retired").order_by(PolicyDraft.retired_at.desc(), PolicyDraft.policy_id.desc())
    )


def roll_back(session: Session, person: Person, now: int, request: str, why: str, *, broker: bool) -> PolicyDraft:
    """Put the policy before back in force. Needs no second person: two have agreed to it once.

    Raises:
        PolicyStep: there is none.
    """
    now_live, row = live(session), before(session)
    if now_live is None or row is None:
        raise PolicyStep("policy.no_before")
    _replace(session, now_live, now)
    # Out of the way of the next rollback, which would otherwise bring the bad one back.
    now_live.state = "refused"
    row.state, row.published_at, row.retired_at = "live", now, None
    _said(session, person.login, "policy.rollback", row, now, request, why=why, old=now_live)
    if broker:
        _send(session, row, person.login, now)
    return row


def refuse(session: Session, person: Person, row: PolicyDraft, now: int, request: str, why: str) -> None:
    """Give a draft up.

    Raises:
        PolicyStep: it is or was in force.
    """
    if row.state not in ("draft", "checked", "shadow"):
        raise PolicyStep("policy.not_draft")
    row.state, row.retired_at = "refused", now
    _said(session, person.login, "policy.refuse", row, now, request, why=why)


def write(row: PolicyDraft, directory: Path, author: str, base: Path) -> bool:
    """Put the policy in force beside the results; False when it lies there already.

    Files are named by their whole paths there: those that were relative are relative to ``base``, and it lies elsewhere.

    ``policy.toml`` is what the next ``vigie run --policy`` judges by from the first event; the line in ``control.jsonl`` changes the
    policy at its own time, in a run that takes that file as an input.
    """
    if row.author_id is None and not (directory / POLICY).is_file():
        return False
    written = with_whole_paths(row.body, base).encode()
    if (directory / POLICY).is_file() and (directory / POLICY).read_bytes() == written:
        return False
    line = json.dumps(event(row, author), ensure_ascii=False).encode() + b"\n"
    control = directory / CONTROL
    replace_file(control, (control.read_bytes() if control.is_file() else b"") + line)
    replace_file(directory / POLICY, written)
    return True


def event(row: PolicyDraft, author: str) -> dict[str, Any]:
    """The ``policy`` line of the contracts that puts a policy in force at its time of publication."""
    at = row.published_at or row.created_at
    said = {"kind": "policy", "v": 1, "id": _message_id(row), "time": format_time(at), "name": row.name}
    return {**said, "body": parsed(row.body), "author": author}


def message_of(session: Session, row: PolicyDraft) -> Outbox | None:
    """The message that took a policy to detection, on its way or gone; none: it came with the data, or no broker is attached."""
    return session.scalar(select(Outbox).where(Outbox.kind == "policy", Outbox.message_id == _message_id(row)))


def _message_id(row: PolicyDraft) -> str:
    return f"policy-{row.policy_id}-{row.published_at or row.created_at}"


def _send(session: Session, row: PolicyDraft, author: str, now: int) -> None:
    body = event(row, author)
    message = Outbox(kind="policy", message_id=_message_id(row), key="", body=body, created_at=now, not_before=now)
    session.add(message)


def _replace(session: Session, row: PolicyDraft | None, now: int) -> None:
    if row is not None:
        row.state, row.retired_at = "retired", now
        session.flush()


def _said(
    session: Session, who: str, what: str, row: PolicyDraft, now: int, request: str, *, why: str = "", old: PolicyDraft | None = None
) -> None:
    new = {"version": row.version, "state": row.state}
    before_ = {"policy": old.policy_id, "version": old.version} if old is not None else None
    audit.append(session, at=now, who=who, what=what, subject=f"policy/{row.policy_id}", old=before_, new=new, why=why, request=request)
