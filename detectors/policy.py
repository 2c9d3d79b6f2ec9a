"""Policy: thresholds, modes and actions are data with versions, never constants in code (contract 5.d: the list may evolve).

A policy is a table (see ``policies/default.toml``)::

    name = "default"
    [general]                      day zone, home zone, salt, breaker …
    [rules.autodial]               keys of the rule's ``Params``; absent ones take the rule's defaults
    [offers.unlimited.rules.X]     overrides for an offer
    [tenants.acme.rules.X]         overrides for one tenant (and its ``general``)
    [sources.NAME] [geo] [numbers] read by hosts, not by the core

``policy_version`` is a digest of what is in force for a tenant after merging, so it changes exactly when judgement may.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from detectors.errors import PolicyError
from detectors.rule import Detector, Params

FRENCH_ZONE = ("FR", "GP", "MQ", "GF", "RE", "YT", "PM", "NC", "PF", "WF", "BL", "MF", "TF")
#: E.164 prefixes of the default home zone: what ``international`` leaves open.
FRENCH_PREFIXES = ("+33", "+262", "+508", "+590", "+594", "+596", "+681", "+687", "+689")
#: Tables that hosts read; the core lets them pass.
HOST_TABLES = ("sources", "geo", "numbers")


class General(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not of one rule.

    ``salt`` keys hashes of numbers and the audit sample; ``review_by_hours`` is how long an automatic restriction stands
    before ``on_overdue`` acts; ``breaker_limit`` automatic suspensions of one tenant in one event-time hour (or a third of
    its licences if that is more) open the breaker; ``late_minutes``: a breach completed by a later event goes to review;
    ``desk_phone_agents`` are globs of User-Agents, ``desk_phone_days`` how long one seen on an AoR keeps ``outgoing`` manual;
    ``audit_per_thousand`` licence-days below every limit with ``audit_calls`` calls are shown to a person all the same, at most
    ``audit_most`` a day and partition (0: none).
    """

    day_zone: str = "Europe/Paris"
    home_zone: tuple[str, ...] = FRENCH_ZONE
    neutral_zone: tuple[str, ...] = ("MC",)
    home_prefixes: tuple[str, ...] = FRENCH_PREFIXES
    allowed_numbers: tuple[str, ...] = ()
    paid_allow: tuple[str, ...] = ()
    salt: str = "vigie"
    review_by_hours: int = 72
    breaker_limit: int = 5
    late_minutes: int = 10
    desk_phone_agents: tuple[str, ...] = ()
    desk_phone_days: int = 30
    audit_per_thousand: int = 10
    audit_calls: int = 5
    audit_most: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.audit_per_thousand <= 1_000:
            raise ValueError(f"audit_per_thousand must lie between 0 and 1000, not {self.audit_per_thousand}")


class Merged:
    """The policy in force for one tenant and offer."""

    __slots__ = ("general", "rules", "version")

    def __init__(self, general: General, rules: dict[str, Params], version: str) -> None:
        self.general = general
        self.rules = rules
        self.version = version


class Policy:
    """A policy document checked against the rules that are installed.

    Args:
        body: the parsed table.
        detectors: the rules it may speak of.

    Raises:
        PolicyError: an unknown table, rule or key, or a value of the wrong type; the message names it.
    """

    def __init__(self, body: dict[str, Any], detectors: dict[str, Detector[Any, Any]]) -> None:
        self.body = body
        self.detectors = detectors
        self._merged: dict[tuple[str, str], Merged] = {}
        unknown = sorted(set(body) - {"name", "general", "rules", "offers", "tenants", *HOST_TABLES})
        if unknown:
            raise PolicyError(f"policy: unknown table {unknown[0]!r}; known are general, rules, offers, tenants, {', '.join(HOST_TABLES)}")
        for table in ("offers", "tenants"):
            for name, override in _tables(body, table).items():
                extra = sorted(set(override) - ({"rules"} if table == "offers" else {"rules", "general"}))
                if extra:
                    raise PolicyError(f"policy: [{table}.{name}] may hold overrides of rules, not {extra[0]!r}")
        self.merged("", "")
        for offer in _tables(body, "offers"):
            self.merged("", offer)
        for tenant in _tables(body, "tenants"):
            self.merged(tenant, "")

    def merged(self, tenant: str, offer: str, own: dict[str, Any] | None = None) -> Merged:
        """What is in force for a tenant: defaults, then ``rules``, the offer, the tenant's own facts (``own``), the tenant's table."""
        key = (tenant, offer)
        if not own:
            found = self._merged.get(key)
            if found is not None:
                return found
        layers: list[tuple[str, dict[str, Any]]] = [
            ("", self.body),
            (f"offers.{offer}.", _tables(self.body, "offers").get(offer, {})),
            (f"tenant {tenant} policy.", own or {}),
            (f"tenants.{tenant}.", _tables(self.body, "tenants").get(tenant, {})),
        ]
        general: dict[str, Any] = {}
        rules: dict[str, dict[str, Any]] = {name: {} for name in self.detectors}
        for where, layer in layers:
            general.update(layer.get("general", {}))
            for name, keys in layer.get("rules", {}).items():
                if name not in rules:
                    raise PolicyError(f"policy: [{where}rules.{name}] names no rule; known are {', '.join(sorted(rules))}")
                rules[name].update(keys)
        params = {name: _convert(f"rules.{name}", keys, self.detectors[name].Params) for name, keys in sorted(rules.items())}
        merged_general = _convert("general", general, General)
        # What says nothing, such as an extractor of features beside the rules, changes no judgement.
        judging = {name: keys for name, keys in params.items() if self.detectors[name].levels}
        canonical = msgspec.json.encode([merged_general, judging], order="sorted")
        merged = Merged(merged_general, params, f"p-{blake2b(canonical, digest_size=8).hexdigest()}")
        if not own:
            if len(self._merged) > 10_000:
                self._merged.clear()
            self._merged[key] = merged
        return merged


def _tables(body: dict[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name, {})
    if not isinstance(found, dict):
        raise PolicyError(f"policy: {name!r} must be a table")
    return found


def _convert(where: str, keys: dict[str, Any], into: Any) -> Any:
    try:
        return msgspec.convert(keys, into)
    except msgspec.ValidationError as error:
        raise PolicyError(f"policy: [{where}] {error}") from error
