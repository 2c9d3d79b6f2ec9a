#!/usr/bin/env python3
"""Judges the alerts of a town as a team of three would: the morning after, and now and then wrongly.

    python samples/make_verdicts.py ALERTS TRUTH [--out REVIEWS] [--seed 1]

ALERTS is the ``alerts.jsonl`` of a ``vigie run`` over a town's events, TRUTH the town's ``truth.jsonl``. Writes ``reviews.jsonl``
beside the alerts, where the console would have written it: verdicts on the alerts that need an opinion and on the days drawn by
lot. Limits that are only counted, such as 200 numbers a month, need none. Of a hundred verdicts about three are wrong and two
inconclusive; every tenth gets a second opinion. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from make_city import PARIS, json_line, utc

#: The abuse that makes an alert of a rule right; a day drawn by lot is judged by any.
MEANT = {
    "account-takeover": ("stolen-credentials",),
    "autodial": ("dialler",),
    "call-centre": ("call-centre", "dialler"),
    "licence-sharing": ("shared-account", "stolen-credentials"),
    "audit": ("dialler", "call-centre", "shared-account", "stolen-credentials"),
}
TEAM = ("camille.roy", "ines.faure", "noe.martin")
#: An alert is about what was done in these days before it.
ABOUT = timedelta(days=1)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Records of a file."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def morning_after(issued: datetime, rng: Random) -> datetime:
    """When somebody looks at it: on the next working day, between nine and noon."""
    day = issued.astimezone(PARIS).replace(hour=9, minute=0, second=0, microsecond=0)
    while day < issued + timedelta(hours=3) or day.weekday() > 4:
        day += timedelta(days=1)
    return day + timedelta(seconds=rng.randrange(3 * 3600))


def verdicts(statements: list[dict[str, Any]], truth: list[dict[str, Any]], seed: int) -> Iterator[dict[str, Any]]:
    """The review of one alert, and perhaps a second one."""
    first = statements[0]
    rng = Random(f"{seed} {first['alert_id']}")
    crossed = datetime.fromisoformat(first["crossed_at"])
    abused = any(
        one["kind"] in MEANT[first["rule"]]
        and datetime.fromisoformat(one["from"]) < crossed
        and datetime.fromisoformat(one["to"]) > (crossed - ABOUT if first["rule"] != "audit" else crossed - timedelta(hours=1))
        for one in truth
    )
    at = morning_after(datetime.fromisoformat(first["issued_at"]), rng)
    persons, second = rng.sample(TEAM, 2), rng.random() < 0.1
    names = [f"rv-{blake2b((first['alert_id'] + person).encode(), digest_size=8).hexdigest()}" for person in persons]
    for n, (person, name) in enumerate(list(zip(persons, names, strict=True))[: 1 + second]):
        at += timedelta(hours=n, minutes=20 * n)
        chance = rng.random()
        verdict = "inconclusive" if chance < 0.02 else "breach" if abused != (chance < 0.05) else "no_breach"
        seen = max(one["update"] for one in statements if one is first or datetime.fromisoformat(one["issued_at"]) <= at)
        yield {
            "v": 1, "kind": "review", "id": name, "time": utc(int(at.timestamp() * 1000)), "tenant": first["tenant"],
            "licence": first["licence"], "review_id": name, "alert_id": first["alert_id"], "verdict": verdict, "reviewer": person,
            "seen_update": seen, **({"second_review_id": names[1]} if second and n == 0 else {}),
        }  # fmt: skip


def reviews(alerts: Path, truth: Path, seed: int) -> list[dict[str, Any]]:
    """Reviews of a file of alerts, in the order of their times."""
    known: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in lines(truth):
        known.setdefault((one["tenant"], one["licence"]), []).append(one)
    said: dict[str, list[dict[str, Any]]] = {}
    for alert in lines(alerts):
        if alert["rule"] in MEANT and alert["licence"] is not None:
            said.setdefault(alert["alert_id"], []).append(alert)
    found = [
        review
        for statements in said.values()
        for review in verdicts(statements, known.get((statements[0]["tenant"], statements[0]["licence"]), []), seed)
    ]
    return sorted(found, key=lambda review: (review["time"], review["id"]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Judge a town's alerts by its truth: reviews.jsonl.")
    parser.add_argument("alerts", type=Path, metavar="ALERTS")
    parser.add_argument("truth", type=Path, metavar="TRUTH")
    parser.add_argument("--out", type=Path, metavar="REVIEWS", help="instead of reviews.jsonl beside the alerts")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    out = given.out or given.alerts.with_name("reviews.jsonl")
    found = reviews(given.alerts, given.truth, given.seed)
    out.write_text("".join(json_line(review) + "\n" for review in found), encoding="utf-8")
    print(f"{len(found):,} verdicts in {out}")


if __name__ == "__main__":
    main()
