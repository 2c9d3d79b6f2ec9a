"""Every rule quotes the articles that the contract's table gives it: the number that alerts, decisions and notices must say."""

from __future__ import annotations

from detectors.registry import installed

#: The contract's articles by rule.
ARTICLES = {
    "abroad-stay": "5.d",
    "abroad-total": "5.d",
    "account-takeover": "5.d, 12.c, 12.d",
    "anomaly": "5.d",
    "autodial": "5.d, 9.e, 9.f",
    "call-centre": "5.d, 9.e",
    "gateway": "9.e, 9.f",
    "group-emits": "7.b",
    "harassment": "5.d",
    "licence-sharing": "5.d",
    "long-call": "9.f",
    "many-destinations": "9.f",
    "mass-fax": "9.e",
    "mass-messaging": "9.e, 9.f",
    "moved-line": "10.b",
    "paid-destination": "9.e",
    "toll-fraud": "5.d, 12.c, 12.d",
    "unapproved-terminal": "4.a, 4.d",
    "wangiri": "5.d, 12.c, 12.d",
}


def test_each_rule_quotes_its_articles() -> None:
    assert {rule: detector.clause for rule, detector in installed().items()} == ARTICLES
