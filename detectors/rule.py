"""What a rule is: a file of ``detectors/rules/`` holding one ``Detector`` named ``RULE``.

The evaluator calls a hook when its fact happens; a hook reads its own state, and reports a ``Finding`` when a limit is
crossed. It never decides: alerts, modes, suspensions and exemptions are the evaluator's (``alerts``, ``decisions``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from detectors.outputs import Evidence, Level, Mode, Window

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.events import Message, Registration, Score

#: Of a call, seen from its licence: a colleague's call is ``internal`` for who places it and ``inbound`` for who is called.
Direction = Literal["outbound", "inbound", "internal"]


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Policy keys every rule has. A rule adds its thresholds; the defaults fill absent keys of a policy."""

    mode: Mode = "review"
    restrictions: tuple[str, ...] = ("outgoing",)
    lift: Literal["auto", "proposal"] = "proposal"
    on_overdue: Literal["keep", "relax", "lift"] = "keep"


class Finding(msgspec.Struct, kw_only=True):
    """A limit was crossed, or a crossed measure grew.

    ``measured`` and ``limit`` are integers in ``unit``; ``crossed_at`` is the completing event's time (for day rules the end
    of the crossing day); ``issued_at`` is now, for timers their exact deadline. ``automatic`` is False when the evidence may
    not act without a person, with the reasons in ``not_automatic``. ``cost`` is what the calls of the finding cost so far, in
    thousandths of a cent. ``tenant_wide`` makes it an alert of the tenant; ``involved`` then names the licences, whose own open
    alerts of the rule it supersedes when ``replaces`` is set. ``new_sign``: a sign of another kind than those already said, so it is
    said although the measure, now of that sign, did not grow.
    """

    rule: str
    level: Level
    measured: int
    limit: int
    unit: str
    window: Window
    crossed_at: int
    issued_at: int
    summary: str
    facts: msgspec.Struct
    against: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    evidence_more: int = 0
    automatic: bool = True
    not_automatic: tuple[str, ...] = ()
    cost: int = 0
    coverage_notes: tuple[str, ...] = ()
    tenant_wide: bool = False
    involved: tuple[str, ...] = ()
    replaces: bool = False
    new_sign: bool = False


P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=msgspec.Struct)


class Detector(Generic[P, S]):
    """Base of every rule. Override the hooks you need; hooks you leave alone cost nothing.

    Class attributes: ``rule`` (the id used everywhere), ``clause`` (contract article), ``title`` (one line), ``unit``,
    ``applies`` (licence type to ``auto`` or ``review``; a missing type is not judged), ``Params``, ``State`` (per licence),
    ``TenantState`` (per tenant, or None), ``Facts`` (schema of what the screen plots).
    """

    rule: ClassVar[str]
    clause: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    applies: ClassVar[dict[str, Literal["auto", "review"]]]
    Params: type[P]
    State: type[S]
    TenantState: ClassVar[type[msgspec.Struct] | None] = None
    Facts: ClassVar[type[msgspec.Struct]]
    #: Levels it can say: some limits of the contract have no notice below them.
    levels: ClassVar[tuple[Level, ...]] = ("notice", "breach")
    #: What its sources must deliver, for coverage: any of ``location devices calls``.
    needs: ClassVar[tuple[str, ...]] = ()
    #: Directions of the calls that a hook of calls hears; one that is not named hears all. Half of all calls come in, and of 30 hooks
    #: 20 would turn them away: 0.5 of 14 µs an event.
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {}
    #: Whether ``registration`` has something to do when a phone registers again on one day, from one address at home, under one
    #: User-Agent. If it has, ``sight`` and ``registered_again`` do it at a third of the cost (``detectors.sight``).
    hears_repeats: ClassVar[bool] = True

    def registration(self, ctx: Context, s: S, p: P, event: Registration) -> None:
        """A registration event of the licence (repeats already dropped, ``refused_by`` ones left out)."""

    def sight(self, ctx: Context, s: S, p: P, device: str) -> Any:
        """The record of a phone that such a repeat changes; None to see each in full. Whatever ends that calls ``look_again``."""
        return None

    @staticmethod
    def registered_again(record: Any, event: Registration) -> None:
        """Do to the record what ``registration`` would do for a repeat."""

    def call_started(self, ctx: Context, s: S, p: P, call: CallState) -> None:
        """The first attempt of a call of the licence, once per call."""

    def call_answered(self, ctx: Context, s: S, p: P, call: CallState) -> None:
        """The first answer of a call, once per call."""

    def call_ended(self, ctx: Context, s: S, p: P, call: CallState, sign: int) -> None:
        """The last leg of a call ended. ``sign`` is -1 to take back what was told before a further leg changed it."""

    def message(self, ctx: Context, s: S, p: P, event: Message) -> None:
        """A text or fax message sent by the licence."""

    def location_changed(self, ctx: Context, s: S, p: P, day: int) -> None:
        """The licence's status of an open day (home, abroad, silent) changed."""

    def day_closed(self, ctx: Context, s: S, p: P, day: int) -> None:
        """A day of the licence closed: one hour after its end, 25 hours for sources that send only CDRs."""

    def timer(self, ctx: Context, s: S, p: P, at: int) -> None:
        """The deadline set with ``ctx.wake`` has come; ``at`` is that exact deadline."""

    def scored(self, ctx: Context, s: S, p: P, event: Score) -> None:
        """A model in force scored a closed day of the licence (any model: ``event.model`` names it)."""

    def facts_changed(self, ctx: Context, s: S, p: P) -> None:
        """Account facts or exemptions of the licence changed; what reaches back is judged again."""

    def holds(self, ctx: Context, s: S, p: P, day: int) -> bool:
        """Whether an open alert's measure is still at or above its notice limit at the close of ``day``."""
        return True
