"""Which seconds of which calls may be billed off-plan: claims of rules, merged into records that never overlap (contract 9.e, 9.f).

A rule claims a range of a call; several rules may claim the same call. The ledger of a licence cuts their claims into disjoint
ranges, each with the rules that claim it, and says each as one record. When claims change, the records that no longer match are
voided first, then new ones are said, so that no second of a call ever has two active records.

Only whole seconds are metered, and ``seconds`` says which those are.

The ledger holds this billing month and the last, at most ``MOST_CALLS`` calls. What is older is forgotten: its records stand as
they were said, and a claim on such a call is refused and counted (``metering_too_old``), since a second record could overlap them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from detectors.alert_state import takeover_of
from detectors.days import SECOND
from detectors.digest import digest64, identifier
from detectors.offer.terms import MeteredParams
from detectors.outputs import Metering
from detectors.seconds import merge

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.step import Partition

#: Calls in a licence's ledger: 60 bytes each and the Call-ID (128 at most), so never over 200 KiB.
MOST_CALLS = 1_000
#: When it is full, so many stay: room is made for a tenth at once, or every call of a dialler would sort the ledger anew.
KEPT_CALLS = 900


class Talked(Protocol):
    """What names a call: the first leg's PBX and Call-ID, and when it began; its seconds count from its answer (ms)."""

    @property
    def pbx(self) -> str: ...  # noqa: D102
    @property
    def call_id(self) -> str: ...  # noqa: D102
    @property
    def started(self) -> int: ...  # noqa: D102
    @property
    def answered(self) -> int | None: ...  # noqa: D102


class Claim(NamedTuple):
    """A rule asks for the range [from, to] of a call (ms; empty: it asks no more). ``about`` is the rule's own note on it.

    Without a call, everything is judged again by the exemptions now known.
    """

    rule: str
    call: Talked | None
    from_: int
    to: int
    about: int


class Record(NamedTuple):
    """An active record as it was said; ``number`` counts those of its call, voided ones included."""

    from_: int
    to: int
    rules: tuple[str, ...]
    alert_id: str
    number: int


class Claimed(NamedTuple):
    """A call as the ledger knows it, and the range of it that a rule claims (ms)."""

    pbx: str
    call_id: str
    started: int
    answered: int
    from_: int
    to: int


class Entry(msgspec.Struct, array_like=True):
    """A call that is or was claimed, small: times in ms after ``started`` or after the answer, names by their place in the ledger.

    ``claims`` by rule: from, to and the rule's note; ``records`` the active ones: from, to, rules, alert, number; ``said`` counts all.
    """

    pbx: int
    call_id: str
    started: int
    answered: int
    month: int
    claims: dict[int, tuple[int, int, int]] = {}
    records: list[tuple[int, int, tuple[int, ...], int, int]] = []
    said: int = 0


class Ledger(msgspec.Struct, array_like=True):
    """Claimed calls of a licence by a digest of what names them, and the names they share (rules, PBXs, alerts, months).

    Calls answered before ``since`` are forgotten; ``until`` is the end of the billing month in which it was last looked through.
    """

    calls: dict[int, Entry] = {}
    names: list[str] = []
    since: int = 0
    until: int = 0

    def place(self, name: str) -> int:
        """Where a name stands, added when it is new."""
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def about(self, rule: str, about: int) -> list[Claimed]:
        """Calls on which a rule has a claim with that note, oldest claim first."""
        found = []
        for entry in self.calls.values():
            answered = entry.started + entry.answered
            for place, (from_, to, note) in entry.claims.items():
                if note == about and self.names[place] == rule:
                    pbx = self.names[entry.pbx]
                    found.append(Claimed(pbx, entry.call_id, entry.started, answered, answered + from_, answered + to))
        return found


def metering_id(tenant: str, licence: str, pbx: str, call_id: str, started: int, from_: int, to: int, number: int | str) -> str:
    """Id of a record: the same for the same record on every run; ``number`` tells those of one range apart (a reissue is another)."""
    return identifier("me", f"{tenant}/{licence}", pbx, call_id, started, from_, to, number)


def settle(core: Partition, ctx: Context) -> None:
    """Turn the claims of one event into records; called after its alerts, so that their ids are known."""
    asked, ctx.claims = ctx.claims, []
    ledger = ctx.licence.ledger
    if ledger is None:
        ledger = ctx.licence.ledger = Ledger()
    forget(ctx, ledger)
    touched: dict[int, Entry] = {}
    for claim in asked:
        if claim.call is None:
            touched.update(ledger.calls)
            continue
        key, entry = _entry(core, ctx, ledger, claim)
        if entry is not None:
            touched[key] = entry
    for entry in touched.values():
        _restate(core, ctx, ledger, entry)


def _entry(core: Partition, ctx: Context, ledger: Ledger, claim: Claim) -> tuple[int, Entry | None]:
    """Note a claim; the entry of its call when there is something to say again."""
    call = claim.call
    assert call is not None
    key = digest64(f"{call.pbx}\0{call.call_id}\0{call.started}")
    entry, rule = ledger.calls.get(key), ledger.place(claim.rule)
    if claim.to <= claim.from_:
        return key, None if entry is None or entry.claims.pop(rule, None) is None else entry
    answered = call.answered
    if answered is None or not _meters(core, ctx, claim.rule):
        return key, None
    if entry is None and answered < ledger.since:
        core.count("metering_too_old")
        return key, None
    month = ledger.place(ctx.billing.month_of(answered).label)
    if entry is None:
        entry = ledger.calls[key] = Entry(ledger.place(call.pbx), call.call_id, call.started, answered - call.started, month)
        _make_room(ledger)
    elif entry.started + entry.answered != answered:
        # A leg that was told late answered earlier: every second of the call is counted anew.
        _move(entry, answered - call.started, month)
    entry.claims[rule] = (claim.from_ - answered, claim.to - answered, claim.about)
    return key, entry if key in ledger.calls else None


def _move(entry: Entry, answered: int, month: int) -> None:
    """Give a call another answer: what is relative to it is moved, so that it names the same instants."""
    by = entry.answered - answered
    entry.claims = {rule: (from_ + by, to + by, about) for rule, (from_, to, about) in entry.claims.items()}
    entry.records = [(from_ + by, to + by, rules, alert, number) for from_, to, rules, alert, number in entry.records]
    entry.answered, entry.month = answered, month


def _meters(core: Partition, ctx: Context, rule: str) -> bool:
    """Whether the policy lets a rule meter by itself; what history shows is for a person (``vigie meter``)."""
    params = core.params(ctx, rule)
    return isinstance(params, MeteredParams) and params.metering == "auto" and params.mode != "shadow" and core.origin == "live"


def _restate(core: Partition, ctx: Context, ledger: Ledger, entry: Entry) -> None:
    """Void what no longer matches the claims, then say what is new."""
    names, answered = ledger.names, entry.started + entry.answered
    claims = {names[rule]: (answered + from_, answered + to) for rule, (from_, to, _) in entry.claims.items()}
    wanted = merge(answered, {rule: span for rule, span in claims.items() if not _exempt(ctx, rule, answered)})
    records = [
        Record(answered + from_, answered + to, tuple(names[rule] for rule in rules), names[alert], number)
        for from_, to, rules, alert, number in entry.records
    ]
    kept = [record for record in records if record[:3] in wanted]
    if len(kept) == len(wanted) == len(records):
        return
    for record in records:
        if record not in kept:
            core.say(_output(ctx, ledger, entry, record, void=True))
    standing = [record[:3] for record in kept]
    for span in wanted:
        if span in standing:
            continue
        entry.said += 1
        alert_id = next(filter(None, (_alert_id(ctx, rule) for rule in span[2])), "")
        record = Record(*span, alert_id, entry.said)
        kept.append(record)
        core.say(_output(ctx, ledger, entry, record))
    place = ledger.place
    entry.records = [
        (record.from_ - answered, record.to - answered, tuple(place(rule) for rule in record.rules), place(record.alert_id), record.number)
        for record in sorted(kept)
    ]


def _output(ctx: Context, ledger: Ledger, entry: Entry, record: Record, *, void: bool = False) -> Metering:
    licence, pbx = ctx.licence, ledger.names[entry.pbx]
    return Metering(
        metering_id=metering_id(licence.tenant, licence.licence, pbx, entry.call_id, entry.started, record.from_, record.to, record.number),
        state="void" if void else "active",
        alert_id=record.alert_id,
        rules=record.rules,
        tenant=licence.tenant,
        licence=licence.licence,
        pbx=pbx,
        call_id=entry.call_id,
        from_=record.from_,
        to=record.to,
        seconds=(record.to - record.from_) // SECOND,
        billing_month=ledger.names[entry.month],
    )


def _alert_id(ctx: Context, rule: str) -> str:
    """The open alert of a rule, or that of the takeover it has become a sign of; ``""`` when there is none."""
    alerts = ctx.licence.alerts
    alert = alerts.get(rule)
    if alert is None:
        host = takeover_of(alerts, rule, ctx.now)
        alert = host if host is not None and rule in host.signs else None
    return "" if alert is None else alert.statement.alert_id


def _exempt(ctx: Context, rule: str, answered: int) -> bool:
    """Whether an exemption covers a rule at the instant a call was answered; one that is stated later reaches back."""
    return any(
        rule in e.rules and not e.revoked and e.from_ <= answered < e.to and (not e.licence or e.licence == ctx.licence.licence)
        for e in ctx.tenant.exemptions.values()
    )


def forget(ctx: Context, ledger: Ledger) -> None:
    """Once per billing month: forget the calls of those before the last one."""
    if ctx.now < ledger.until:
        return
    month = ctx.billing.month_of(ctx.now)
    ledger.since, ledger.until = max(ledger.since, ctx.billing.before(month).start), month.end
    for key in [key for key, entry in ledger.calls.items() if entry.started + entry.answered < ledger.since]:
        del ledger.calls[key]
    _tidy(ledger)


def _tidy(ledger: Ledger) -> None:
    """Forget the names (alerts of past months) that no call has any more."""
    old, ledger.names = ledger.names, []
    for entry in ledger.calls.values():
        entry.pbx, entry.month = ledger.place(old[entry.pbx]), ledger.place(old[entry.month])
        entry.claims = {ledger.place(old[rule]): claim for rule, claim in entry.claims.items()}
        entry.records = [
            (from_, to, tuple(ledger.place(old[rule]) for rule in rules), ledger.place(old[alert]), number)
            for from_, to, rules, alert, number in entry.records
        ]


def _make_room(ledger: Ledger) -> None:
    calls = ledger.calls
    if len(calls) <= MOST_CALLS:
        return
    order = sorted((entry.started + entry.answered, key) for key, entry in calls.items())
    oldest = order[: len(calls) - KEPT_CALLS]
    ledger.since = max(ledger.since, oldest[-1][0] + 1)
    for _, key in oldest:
        del calls[key]
