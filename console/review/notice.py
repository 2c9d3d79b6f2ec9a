"""The notice to the customer, in French and English: facts, article, date, scope, how to contest, what would have changed the result."""

from __future__ import annotations

from typing import Any

from console.db.tables import Alert
from console.texts import LANGUAGES
from console.web.words import Words

#: Rules whose limit is what the customer was billed for: there the breach lies above it, elsewhere at it.
ABOVE = ("licence-sharing",)
TOLD = ("warn", "restrict", "suspend")


def fewer(alert: Alert) -> int:
    """How much less the measure would have had to be for no breach; 0 when the alert does not say (a notice's limit is another)."""
    if alert.level != "breach":
        return 0
    above = alert.rule in ABOVE and alert.licence is None
    return max(0, alert.measured - alert.limit + (0 if above else 1))


def notices(alert: Alert, action: str, restrictions: list[str], until: int | None, now: int, zone: str, customer: str) -> dict[str, str]:
    """The text in each language; empty when the action tells the customer nothing."""
    if action not in TOLD:
        return {}
    return {language: _written(Words(language, zone), alert, action, restrictions, until, now, customer) for language in LANGUAGES}


def _written(words: Words, alert: Alert, action: str, restrictions: list[str], until: int | None, now: int, customer: str) -> str:
    t = words.t
    facts: dict[str, Any] = {
        "customer": customer or alert.tenant,
        "licence": alert.licence or t("notice.all_licences"),
        "rule": words.rule(alert.rule),
        "clause": alert.clause,
        "measured": words.number(alert.measured),
        "limit": words.number(alert.limit),
        "unit": words.unit(alert.unit),
        "crossed": words.clock(alert.crossed_at, seconds=False),
        "today": words.clock(now, seconds=False),
    }
    parts = [t("notice.greeting", **facts), t("notice.facts", **facts)]
    if action == "warn":
        parts.append(t("notice.warn", **facts))
    else:
        scope = ", ".join(t(f"review.restriction.{name}") for name in restrictions)
        parts.append(t("notice.restrict", scope=scope, **facts))
        parts.append(t("notice.until", until=words.clock(until, seconds=False)) if until else t("notice.no_end"))
        parts.append(t("notice.open"))
    if less := fewer(alert):
        parts.append(t("notice.counterfactual", less=words.number(less), **facts))
    parts.append(t("notice.contest"))
    return "\n\n".join(parts)
