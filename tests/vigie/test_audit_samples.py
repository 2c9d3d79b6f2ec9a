"""Days drawn by lot in a whole run: said, shown apart, and in no total (detectors.md: audit sample)."""

from __future__ import annotations

from pathlib import Path

from streams.contracts.outputs import Alert
from support.clause import Clause


def test_audit_samples_are_alerts_of_the_contracts_that_no_total_counts(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(6):
        clause.call("101", f"2026-03-02 1{n}:00")
    out = clause.judge("2026-03-04", {"general": {"audit_per_thousand": 1_000}})
    (said,) = out.alerts(level="audit")
    Alert.model_validate(said)
    assert (said["rule"], said["mode"], said["propensity"]) == ("audit", "review", 1.0)
    assert (said["money_at_risk_cents"], said["money_if_wrong_cents"]) == (0, 0)
    assert out.summary["alerts"] == {"total": 0, "statements": 0, "states": {}, "rules": {}}
    assert out.summary["audit_samples"] == 1
    assert "audit samples" in out.text
    assert "No alert" in out.text
    assert out.suspensions() == []
