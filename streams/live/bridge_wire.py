"""What a bridge reads and writes on the topics, between bytes and the structs of ``pbx.bridge``."""

from __future__ import annotations

import msgspec
from pydantic import ValidationError

from pbx.bridge.decision import Cause, Decision
from pbx.bridge.enforcer import Action, Said
from pbx.bridge.target import RESTRICTIONS
from streams.aor import canonical_aor
from streams.contracts.inputs import Bridge
from streams.contracts.outputs import Heartbeat, Receipt
from streams.errors import ContractRefused
from streams.times import format_time, parse_time


class _Suspension(msgspec.Struct, tag_field="kind", tag="suspension"):
    """A suspension record as far as a PBX needs it. Fields that a newer detection adds are no reason to refuse it."""

    v: int
    epoch: int
    sequence: int
    decision_id: str
    state: str
    tenant: str
    licence: str
    emergency_allowed: bool
    issued_at: str
    aors: tuple[str, ...] = ()
    aors_removed: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    home_prefixes: tuple[str, ...] = ()
    allowed_numbers: tuple[str, ...] = ()
    customer_code: str = ""


class _Receipt(msgspec.Struct):
    decision_id: str
    pbx: str
    status: str
    applied_at: str
    detail: str = ""


class _Kind(msgspec.Struct):
    kind: str = ""


class Command(msgspec.Struct, frozen=True):
    """An operator's command to a bridge."""

    pbx: str
    action: Action
    author: str
    reason: str


_read_suspension = msgspec.json.Decoder(_Suspension).decode
_read_receipt = msgspec.json.Decoder(_Receipt).decode


def decision(raw: bytes, published: int) -> Decision:
    """A record of ``vigie.suspensions``.

    Args:
        raw: its value.
        published: when the broker got it, ms.

    Raises:
        ContractRefused: it is not what the contracts allow; what stood for the licence stands on.
    """
    try:
        one = _read_suspension(raw)
        issued = parse_time(one.issued_at)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ContractRefused(f"no suspension record: {error}") from None
    if one.v != 1:
        raise ContractRefused(f"version {one.v} of a suspension record is not known to this bridge; update it", "unknown_version")
    if one.emergency_allowed is not True:
        raise ContractRefused("emergency_allowed: no other value than true can be; the record is not of vigie")
    if one.state not in ("active", "lifted") or one.epoch < 1 or one.sequence < 1 or not one.decision_id:
        raise ContractRefused("state, epoch, sequence or decision_id is not what the contracts allow")
    unknown = [name for name in one.restrictions if name not in RESTRICTIONS]
    if unknown:
        raise ContractRefused(f"restriction {unknown[0]!r} is not known to this bridge; update it")
    if one.state == "active" and not one.restrictions:
        raise ContractRefused("an active record without a restriction; lifting is a record with state lifted")
    return Decision(
        epoch=one.epoch,
        sequence=one.sequence,
        decision_id=one.decision_id,
        state="active" if one.state == "active" else "lifted",
        tenant=one.tenant,
        licence=one.licence,
        aors=_aors(one.aors),
        aors_removed=_aors(one.aors_removed),
        restrictions=one.restrictions,
        prefixes=one.prefixes,
        causes=one.causes,
        home_prefixes=one.home_prefixes,
        allowed_numbers=one.allowed_numbers,
        customer_code=one.customer_code,
        issued_at=issued,
        published=published,
    )


def _aors(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(canonical_aor, given))))


def command(raw: bytes) -> Command | None:
    """A record of ``vigie.control``; ``None`` when it is for somebody else than bridges.

    Raises:
        ContractRefused: a command to a bridge that the contracts do not allow.
    """
    if b'"bridge"' not in raw:
        return None
    try:
        if msgspec.json.decode(raw, type=_Kind).kind != "bridge":
            return None
        one = Bridge.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ContractRefused(f"bridge: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except msgspec.MsgspecError:
        return None
    return Command(one.pbx, one.action, one.author, one.reason)


def receipt(raw: bytes, pbx: str) -> tuple[str, str, int, str] | None:
    """Decision, status, time (ms) and detail of a receipt of this PBX; ``None`` for anything else on ``vigie.applied``."""
    if b'"kind":"receipt"' not in raw[:32]:
        return None
    try:
        one = _read_receipt(raw)
        return (one.decision_id, one.status, parse_time(one.applied_at), one.detail) if one.pbx == pbx else None
    except (msgspec.MsgspecError, ValueError):
        return None


def receipt_bytes(said: Said, pbx: str) -> bytes:
    """A receipt as it is published."""
    one = Receipt(
        kind="receipt",
        v=1,
        decision_id=said.decision.decision_id,
        epoch=said.decision.epoch,
        sequence=said.decision.sequence,
        pbx=pbx,
        status=said.status,
        applied_at=format_time(said.at),
        calls_ended=said.calls_ended,
        contacts_removed=said.contacts_removed,
        detail=said.detail,
    )
    return one.model_dump_json().encode()


def heartbeat_bytes(
    pbx: str, table_size: int, table_hash: str, offsets: dict[str, int], uptime_s: int, paused_by: str | None, reason: str | None
) -> bytes:
    """A heartbeat as it is published; ``paused_by`` is ``None`` when the bridge is not paused."""
    one = Heartbeat(
        kind="heartbeat",
        v=1,
        pbx=pbx,
        table_size=table_size,
        table_hash=table_hash,
        offsets=offsets,
        uptime_s=uptime_s,
        paused=paused_by is not None,
        paused_by=paused_by,
        reason=reason,
    )
    return one.model_dump_json().encode()
