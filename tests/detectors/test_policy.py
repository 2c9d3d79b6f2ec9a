"""Policy is data with versions: what is wrong is named, what is absent is the rule's default."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.errors import PolicyError
from detectors.policy import Policy
from support.probe import PROBE

RULES = {"probe": PROBE}


def test_absent_keys_take_the_rules_defaults() -> None:
    assert Policy({}, RULES).merged("acme", "").rules["probe"] == PROBE.Params()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"rulez": {}}, "rulez"),
        ({"rules": {"prob": {}}}, "prob"),
        ({"rules": {"probe": {"brech": 3}}}, "brech"),
        ({"rules": {"probe": {"breach": "3"}}}, "breach"),
        ({"general": {"day_zon": "x"}}, "day_zon"),
        ({"offers": {"unlimited": {"general": {}}}}, "offers.unlimited"),
        ({"tenants": {"acme": {"rules": {"probe": {"breach": 1.5}}}}}, "breach"),
        ({"offers": []}, "offers"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, object], named: str) -> None:
    with pytest.raises(PolicyError, match=named.replace(".", r"\.")):
        Policy(body, RULES)


def test_later_layers_win_rules_then_offer_then_own_facts_then_tenant() -> None:
    body = {
        "rules": {"probe": {"notice": 1, "breach": 1}},
        "offers": {"unlimited": {"rules": {"probe": {"breach": 2}}}},
        "tenants": {"beta": {"rules": {"probe": {"breach": 4}}}},
    }
    policy = Policy(body, RULES)
    own = {"rules": {"probe": {"breach": 3}}}
    asked: list[tuple[Any, ...]] = [("acme", ""), ("acme", "unlimited"), ("acme", "unlimited", own), ("beta", "unlimited", own)]
    found: list[Any] = [policy.merged(*one).rules["probe"] for one in asked]
    assert [params.breach for params in found] == [1, 2, 3, 4]


def test_the_version_changes_exactly_when_what_is_in_force_does() -> None:
    bodies: tuple[dict[str, Any], ...] = ({}, {"name": "x", "sources": {}}, {"rules": {"probe": {"breach": 4}}})
    versions = [Policy(body, RULES).merged("", "").version for body in bodies]
    assert versions[0] == versions[1] != versions[2]
