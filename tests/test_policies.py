"""The policies that ship: complete, sourced, and what they say they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from detectors.policy import General, Policy
from detectors.registry import installed

POLICIES = Path(__file__).parents[1] / "policies"
RULES = installed()
DEFAULT = (POLICIES / "default.toml").read_text()


def test_both_policies_can_be_read() -> None:
    for file in POLICIES.glob("*.toml"):
        Policy(tomllib.loads(file.read_text()), RULES)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_default_policy_lists_every_threshold_of_a_rule_at_its_default(rule: str) -> None:
    listed = tomllib.loads(DEFAULT)["rules"][rule]
    params = RULES[rule].Params
    assert set(listed) == {f.name for f in msgspec.structs.fields(params)}
    assert msgspec.convert(listed, params) == params()


def test_the_default_policy_lists_every_general_key() -> None:
    assert set(tomllib.loads(DEFAULT)["general"]) == {f.name for f in msgspec.structs.fields(General)}


def test_every_threshold_names_its_source_beside_it() -> None:
    for line in DEFAULT.splitlines():
        if re.match(r"[a-z_]+ = ", line) and not line.startswith("name"):
            assert re.search(r"# \S", line), f"no source: {line}"


def test_only_the_limits_of_the_contract_itself_and_fraud_act_without_a_person() -> None:
    merged = Policy(tomllib.loads(DEFAULT), RULES).merged("", "")
    automatic = {rule for rule, params in merged.rules.items() if params.mode == "auto"}
    assert automatic == {"abroad-stay", "abroad-total", "account-takeover", "toll-fraud"} & set(RULES)
    assert all(set(merged.rules[rule].restrictions) == {"international", "paid"} for rule in automatic - {"abroad-stay", "abroad-total"})


def test_the_cautious_policy_acts_on_nothing() -> None:
    merged = Policy(tomllib.loads((POLICIES / "cautious.toml").read_text()), RULES).merged("", "")
    assert {params.mode for params in merged.rules.values()} == {"review"}
