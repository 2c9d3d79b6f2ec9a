"""What a rule may see and say while one event of one licence (or tenant) is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from detectors.alert_state import standing_alert
from detectors.billing import ZONE, BillingClock, billing_clock
from detectors.days import DayClock
from detectors.digest import keyed
from detectors.events import Event
from detectors.metering import Claim, Claimed, Talked
from detectors.outputs import Evidence, Output
from detectors.rule import Finding

if TYPE_CHECKING:
    from detectors.alert_state import OpenAlert
    from detectors.policy import General, Merged
    from detectors.state import LicenceState, Mark, PartitionState, TenantState

LEVELS = {"": 0, "audit": 1, "notice": 2, "breach": 3}


class Context:
    """One licence's turn.

    Attributes: ``now`` (event time or exact deadline, ms), ``event`` (None at timers), ``partition``, ``tenant``,
    ``licence`` (states), ``merged`` (policy in force), ``home_zone`` (home countries in force), ``clock`` (days of the
    policy's zone), ``findings`` (what was reported, in order), ``claims`` (what rules asked to be metered, see ``claim``), ``emit``
    (hands over an output that is no finding: it follows those already said). While an event is judged also ``today`` (the day of
    its time) and ``device``, ``weak`` (the licence's own phone in it, as ``location.evidence.device_of`` gives it).
    """

    __slots__ = (
        "claims", "clock", "device", "emit", "event", "findings", "home_zone", "licence", "merged", "now", "partition", "tenant", "today",
        "wakes", "weak", "withdrawals",
    )  # fmt: skip

    now: int
    event: Event | None
    clock: DayClock
    home_zone: tuple[str, ...]
    today: int
    device: str
    weak: bool
    emit: Callable[[Output], None]
    claims: list[Claim]
    partition: PartitionState
    tenant: TenantState
    licence: LicenceState
    merged: Merged
    findings: list[Finding]
    withdrawals: list[tuple[str, str, str, bool]]
    wakes: list[tuple[int, str, str, str]]

    @property
    def general(self) -> General:
        """Policy keys that belong to no rule."""
        return self.merged.general

    @property
    def scope(self) -> str:
        """``tenant/licence``."""
        return f"{self.licence.tenant}/{self.licence.licence}"

    def wants(self, rule: str, level: str, measured: int) -> bool:
        """Whether a finding would say something new: ask before building one, since facts are costly.

        New is: no open alert of the rule, a higher level, a measure that doubled, or one that grew on a later day.
        """
        return self._wants(standing_alert(self.licence.alerts, rule, self.now), level, measured)

    def tenant_wants(self, rule: str, level: str, measured: int) -> bool:
        """The same for the alert of the whole tenant."""
        return self._wants(self.tenant.alerts.get(rule), level, measured)

    def _wants(self, alert: OpenAlert | None, level: str, measured: int) -> bool:
        if alert is None:
            return True
        said = alert.own
        if LEVELS[level] > LEVELS[said.level]:
            return True
        if LEVELS[level] < LEVELS[said.level] or measured <= said.measured:
            return False
        return measured >= 2 * said.measured or self.clock.day_of(self.now) > alert.said_day

    def report(self, finding: Finding) -> None:
        """Hand over a finding; alerts and decisions follow after all rules of the event."""
        self.findings.append(finding)

    def withdraw(self, rule: str, why: str, *, tenant_wide: bool = False) -> None:
        """Late evidence takes the open alert back: it becomes ``withdrawn`` and its own automatic cause is lifted."""
        self.withdrawals.append((rule, "withdrawn", why, tenant_wide))

    def close(self, rule: str, why: str, *, tenant_wide: bool = False) -> None:
        """The episode ended: the open alert becomes ``closed``; an automatic cause follows the policy's ``lift``."""
        self.withdrawals.append((rule, "closed", why, tenant_wide))

    def propose_lift(self, rule: str, why: str) -> None:
        """The reason for the restriction has gone although the episode goes on: lift as the policy's ``lift`` says."""
        self.withdrawals.append((rule, "lift", why, False))

    @property
    def billing(self) -> BillingClock:
        """Billing months of the customer; of an unknown one, those that begin on the first."""
        fact = self.tenant.fact
        return billing_clock(ZONE, 1) if fact is None else billing_clock(fact.time_zone, fact.billing_day)

    def claim(self, rule: str, call: Talked, from_: int, to: int, about: int = 0) -> None:
        """Claim [from, to] (ms) of an answered call as off-plan: it takes the place of the rule's earlier claim on that call.

        Records follow after the alerts of the event (``metering``). ``about`` is a note of the rule's own, found by ``claimed``.
        """
        self.claims.append(Claim(rule, call, from_, to, about))

    def release(self, rule: str, call: Talked) -> None:
        """Take the rule's claim on a call back, if it has one."""
        if self.claims or self.licence.ledger is not None:
            self.claims.append(Claim(rule, call, 0, 0, 0))

    def claimed(self, rule: str, about: int) -> list[Claimed]:
        """Calls that the rule has claimed with that note, in this billing month and the last."""
        ledger = self.licence.ledger
        return [] if ledger is None else ledger.about(rule, about)

    def meter_again(self) -> None:
        """Judge all claims of the licence again: an exemption came or went."""
        if self.licence.ledger is not None:
            self.claims.append(Claim("", None, 0, 0, 0))

    def wake(self, rule: str, at: int) -> None:
        """Call the rule's ``timer`` at the instant ``at`` (one deadline per rule and licence; a new one replaces it)."""
        licence = self.licence
        if licence.timers.get(rule) != at:
            licence.timers[rule] = at
            self.wakes.append((at, licence.tenant, licence.licence, rule))

    def sleep(self, rule: str) -> None:
        """Forget the rule's deadline."""
        self.licence.timers.pop(rule, None)

    def marks_since(self, after: int) -> list[Mark]:
        """The licence's outgoing calls later than ``after``, at most the last 50, oldest first."""
        return [mark for mark in self.licence.marks if mark.time > after]

    def evidence(self, marks: list[Mark], most: int = 50) -> tuple[Evidence, ...]:
        """Marks as frozen evidence: last four digits hidden, numbers recognisable only through the policy's salt."""
        return tuple(freeze(mark, self.merged.general.salt) for mark in marks[-most:])


def freeze(mark: Mark, salt: str) -> Evidence:
    """One mark as evidence for an alert."""
    return Evidence(
        time=mark.time,
        kind=mark.kind,
        country=mark.country,
        network=mark.network,
        number=mask(mark.number),
        src=mark.src,
        line=mark.line,
        hash=keyed(salt, mark.number) if mark.number else "",
    )


def mask(number: str) -> str:
    """A number with its last four digits hidden; short codes are left as they are.

    >>> mask("+33612345678")
    '+3361234••••'
    >>> mask("3631")
    '3631'
    """
    return number[:-4] + "••••" if len(number) > 6 else number
