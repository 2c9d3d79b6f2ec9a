"""Verdicts and features into one file: which row, which statement, what is counted, and the same bytes each time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.labels import Labels, read
from models.labels.alerts import Said
from models.labels.errors import LabelsRefused
from models.labels.export import Asked, Exported, Missing, export
from models.labels.pseudonyms import Pseudonyms
from models.labels.verdicts import Given
from models.parquet import FeatureRows
from models.schema import NAMES, SCHEMA_HASH
from streams.errors import InputUnreadable
from support.core import ms

T = ms("2026-04-01")
NAMING = Pseudonyms(b"k" * 32, T, "training")


def features(*rows: tuple[str, str, str], kind: str = "day", hours: int = 1) -> FeatureRows:
    """Rows of tenant, licence and day, which closed so many hours after their end; the first feature is the row's number."""
    ordered = sorted(rows)
    matrix = np.zeros((len(ordered), len(NAMES)))
    matrix[:, 0] = range(len(ordered))
    columns = [np.array([row[at] for row in ordered], dtype=object) for at in range(2)]
    day = np.array([row[2] for row in ordered], dtype="datetime64[D]")
    closed = np.array([ms(row[2]) + (24 + hours) * 3_600_000 for row in ordered], "int64").astype("datetime64[ms]")
    return FeatureRows(columns[0], columns[1], day, closed, matrix, NAMES, kind, SCHEMA_HASH, "Europe/Paris", "f")


def said(alert_id: str = "a", crossed: str = "2026-03-04 15:00", **more: Any) -> Said:
    given = {"update": 1, "rule": "autodial", "clause": "5.d", "level": "breach", "tenant": "acme", "licence": "101", "origin": "live",
             "issued_at": ms(crossed), "propensity": None, "policy_version": "p-1"}  # fmt: skip
    return Said(alert_id=alert_id, crossed_at=ms(crossed), **{**given, **more})


def given(alert_id: str = "a", at: str = "2026-03-10", verdict: str = "breach", **more: Any) -> Given:
    base = {"decision_id": f"d-{alert_id}", "reviewer": "mina", "update": 1}
    return Given(alert_id=alert_id, at=ms(at), verdict=verdict, **{**base, **more})  # type: ignore[arg-type]


DAYS = (*(("acme", "101", f"2026-03-0{day}") for day in (2, 3, 4, 6)), ("acme", "102", "2026-03-04"), ("zed", "101", "2026-03-04"))
ROWS = features(*DAYS)


def exported(target: Path, decisions: list[Given], statements: list[Said], rows: FeatureRows = ROWS, **asked: Any) -> Exported:
    by_alert: dict[str, list[Said]] = {}
    for one in statements:
        by_alert.setdefault(one.alert_id, []).append(one)
    return export(decisions, by_alert, rows, NAMING, Asked(**{"as_of": T, "purpose": "training", **asked}), target)


def only(target: Path, decision: Given, *statements: Said) -> dict[str, Any]:
    exported(target, [decision], [*statements])
    (row,) = pq.read_table(target).to_pylist()
    assert isinstance(row, dict)
    return row


# -- which row of features -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crossed", "decided", "hours", "row", "age"),
    [
        ("2026-03-04 15:00", "2026-03-10 00:00", 1, "2026-03-04", 0),  # the day of the crossing
        ("2026-03-05 15:00", "2026-03-10 00:00", 1, "2026-03-04", 1),  # a day without a row: the one before
        ("2026-03-05 00:00", "2026-03-10 00:00", 1, "2026-03-04", 0),  # crossed by the day that ended then
        ("2026-03-04 15:00", "2026-03-04 16:00", 1, "2026-03-03", 1),  # judged before the day's own row was there
        ("2026-03-04 15:00", "2026-03-05 01:00", 1, "2026-03-03", 1),
        ("2026-03-04 15:00", "2026-03-05 01:00:00.001", 1, "2026-03-04", 0),
        ("2026-03-04 15:00", "2026-03-06 01:00", 25, "2026-03-03", 1),  # days of CDRs alone close 25 hours later
        ("2026-03-04 15:00", "2026-03-06 01:00:00.001", 25, "2026-03-04", 0),
    ],
)
def test_features_are_those_of_the_latest_day_that_was_known_when_the_person_judged(
    tmp_path: Path, crossed: str, decided: str, hours: int, row: str, age: int
) -> None:
    exported(tmp_path / "l.parquet", [given(at=decided)], [said(crossed=crossed)], features(*DAYS, hours=hours))
    (found,) = pq.read_table(tmp_path / "l.parquet").to_pylist()
    assert (str(found["day"]), found["row_age_days"]) == (row, age)
    assert found[NAMES[0]] == ("2026-03-02", "2026-03-03", "2026-03-04").index(row)


def test_alerts_without_a_row_of_whole_customers_and_unknown_ones_are_counted_and_the_counts_add_up(tmp_path: Path) -> None:
    decisions = [given(name) for name in ("a", "early", "new", "wide", "other", "unknown")] + [given("later", "2026-05-01")]
    statements = [said("a"), said("early", "2026-03-01 12:00"), said("new", licence="999"), said("wide", licence=None), said("later")]
    found = exported(tmp_path / "l.parquet", decisions, [*statements, said("other", rule="call-centre")], rules=("autodial",))
    assert found.without_row == [Missing("early", "autodial", "2026-03-01"), Missing("new", "autodial", "2026-03-04")]
    assert (found.rows, found.tenant_wide, found.other_rules, found.unknown) == (1, 1, 1, 1)
    assert found.decided == found.rows + len(found.without_row) + found.tenant_wide + found.other_rules + found.unknown == 6


# -- what a row says -------------------------------------------------------------------------------------------------------


def test_the_statement_is_the_one_that_was_on_the_screen(tmp_path: Path) -> None:
    later = said(update=2, level="breach", crossed="2026-03-06 12:00", policy_version="p-1")
    first = said(update=1, level="notice")
    assert only(tmp_path / "l.parquet", given(update=1), first, later)["level"] == "notice"
    assert only(tmp_path / "l.parquet", given(update=2), first, later)["level"] == "breach"
    assert only(tmp_path / "l.parquet", given(at="2026-03-06 11:00", update=0), first, later)["level"] == "notice"


def test_an_audit_sample_carries_its_propensity_and_an_alert_one(tmp_path: Path) -> None:
    audit = said(rule="audit", level="audit", crossed="2026-03-05 00:00", propensity=0.01)
    found = only(tmp_path / "l.parquet", given(verdict="no_breach"), audit)
    assert (found["sampling"], found["propensity"], found["label"], str(found["day"])) == ("audit", 0.01, 0, "2026-03-04")
    found = only(tmp_path / "l.parquet", given(verdict="inconclusive"), said())
    assert (found["sampling"], found["propensity"], found["label"]) == ("alert", 1.0, None)


def test_who_judged_who_judged_again_and_whether_blind_stand_beside_the_verdict(tmp_path: Path) -> None:
    second = given(decision_id="d2", part="second", second_of="d-a", verdict="no_breach", reviewer="noe", blind=True, at="2026-03-11")
    found = exported(tmp_path / "l.parquet", [given(weak=True), second], [said()])
    (row,) = pq.read_table(tmp_path / "l.parquet").to_pylist()
    assert (row["verdict"], row["second_verdict"], row["blind"], row["weak"]) == ("breach", "no_breach", True, True)
    assert (row["reviewer"], row["second_reviewer"]) == (NAMING.of("person", "mina"), NAMING.of("person", "noe"))
    assert (found.seconds, found.conflicts, found.weak) == (1, 1, 1)


def test_no_name_and_no_id_is_written_clear(tmp_path: Path) -> None:
    target = tmp_path / "l.parquet"
    exported(target, [given("al-clear")], [said("al-clear", tenant="acme", licence="102")])
    (row,) = pq.read_table(target).select(range(20)).to_pylist()
    assert {row["alert_id"], row["tenant"], row["licence"]} == {
        NAMING.of("alert", "al-clear"),
        NAMING.of("tenant", "acme"),
        NAMING.of("licence", "acme", "102"),
    }
    assert not {"acme", "102", "mina", "al-clear"} & {str(value) for value in row.values()}


# -- the file ----------------------------------------------------------------------------------------------------------------


def many(count: int = 60) -> tuple[list[Given], list[Said]]:
    dice = random.Random(4)
    verdicts = ("breach", "no_breach", "inconclusive")
    decisions = [given(f"a{n}", f"2026-03-{10 + n % 5} 10:00", dice.choice(verdicts), decision_id=f"d{n}") for n in range(count)]
    return decisions, [said(f"a{n}", licence=dice.choice(("101", "102"))) for n in range(count)]


def test_the_same_verdicts_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    decisions, statements = many()
    exported(tmp_path / "x", decisions, statements)
    for seed in range(3):
        dice = random.Random(seed)
        exported(tmp_path / "y", dice.sample(decisions, len(decisions)), dice.sample(statements, len(statements)))
        assert (tmp_path / "y").read_bytes() == (tmp_path / "x").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]


def test_what_was_judged_after_the_instant_changes_no_byte(tmp_path: Path) -> None:
    decisions, statements = many()
    exported(tmp_path / "x", decisions, statements)
    later = [given(f"a{n}", "2026-04-01 00:00", "no_breach", decision_id=f"later{n}") for n in range(60)]
    undo = Given(decision_id="u", alert_id="a0", at=T, part="undo", undoes="d0", verdict="breach")
    exported(tmp_path / "y", [*decisions, *later, undo], [*statements, said("new")])
    assert (tmp_path / "y").read_bytes() == (tmp_path / "x").read_bytes()


def test_it_is_read_back_in_the_order_of_decisions_with_its_hash_and_fingerprint(tmp_path: Path) -> None:
    found = exported(tmp_path / "x", *many())
    labels = read(tmp_path / "x")
    assert isinstance(labels, Labels)
    assert (len(labels), labels.matrix.shape, labels.schema_hash) == (found.rows, (60, len(NAMES)), SCHEMA_HASH)
    assert (labels.as_of, labels.purpose) == ("2026-03-31T22:00:00.000Z", "training")
    at, ids = labels.columns["decided_at"], labels.columns["alert_id"]
    assert list(zip(at, ids, strict=True)) == sorted(zip(at, ids, strict=True))
    unknown = np.isnan(labels.columns["label"])
    assert (labels.columns["verdict"][unknown] == "inconclusive").all()
    assert set(labels.columns["label"][~unknown]) == {0.0, 1.0}
    types = {name: str(labels.columns[name].dtype) for name in ("day", "decided_at", "row_age_days", "weak", "propensity")}
    assert types == {
        "day": "datetime64[D]",
        "decided_at": "datetime64[ms]",
        "row_age_days": "int32",
        "weak": "bool",
        "propensity": "float64",
    }
    assert (labels.columns["second_verdict"] == None).all()  # noqa: E711
    table = pq.read_table(tmp_path / "x")
    assert str(table.schema.field("decided_at").type) == "timestamp[ms, tz=UTC]"
    assert str(table.schema.field("label").type) == "int8"


def test_no_label_at_all_is_a_file_with_the_columns(tmp_path: Path) -> None:
    assert exported(tmp_path / "x", [], []).rows == 0
    assert len(read(tmp_path / "x")) == 0


def test_verdicts_under_two_policies_are_mixed_only_if_told_and_nothing_is_written_else(tmp_path: Path) -> None:
    decisions, statements = [given("a"), given("b")], [said("a"), said("b", policy_version="p-2")]
    with pytest.raises(LabelsRefused, match=r"2 policies: p-1 \(1\), p-2 \(1\).*--mix-policies"):
        exported(tmp_path / "x", decisions, statements)
    assert list(tmp_path.iterdir()) == []
    assert exported(tmp_path / "x", decisions, statements, mix_policies=True).policies == {"p-1": 1, "p-2": 1}


def test_rows_of_weeks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsRefused, match="rows of days"):
        exported(tmp_path / "x", [], [], features(kind="week"))


def test_what_is_no_file_of_labels_is_refused_in_one_line(tmp_path: Path) -> None:
    exported(tmp_path / "x", *many())
    table = pq.read_table(tmp_path / "x")
    said_of = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    other = tmp_path / "other"

    def refused(words: str) -> None:
        with pytest.raises(InputUnreadable, match=words):
            read(other)

    refused("cannot be read")
    other.write_bytes((tmp_path / "x").read_bytes()[:3_000])
    refused("cannot be read")
    pq.write_table(pa.table({"x": [1]}), other)
    refused("no labels")
    pq.write_table(table.replace_schema_metadata({**said_of, "labels_format": "2"}), other)
    refused("labels of format 2")
    pq.write_table(table.replace_schema_metadata({**said_of, "schema_hash": "fs-old"}), other)
    refused("schema fs-old")
