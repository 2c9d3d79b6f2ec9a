"""``docs/features.md``: the tables of the features, made from their schemas by ``python -m models.feature_page``."""

from __future__ import annotations

from collections.abc import Sequence

from models.schema import FEATURES, SCHEMA_HASH, Feature
from models.weeks import WEEK_FEATURES, WEEK_SCHEMA_HASH


def page() -> str:
    """The page.

    >>> page().splitlines()[0]
    '# Features'
    """
    return _PAGE.format(
        day=_table(FEATURES),
        days=len(FEATURES),
        day_hash=SCHEMA_HASH,
        week=_table(WEEK_FEATURES),
        weeks=len(WEEK_FEATURES),
        week_hash=WEEK_SCHEMA_HASH,
    )


def _table(features: Sequence[Feature]) -> str:
    return "\n".join(f"| {n} | `{f.name}` | {f.unit} | {f.meaning} |" for n, f in enumerate(features, 1))


_PAGE = """\
# Features

Made from `models/schema.py` and `models/weeks.py` by `python -m models.feature_page`; a test fails when they differ.

`vigie features INPUT... --out F.parquet` writes one row for each licence and day, `--rows week` one for each licence and week, with
the columns `tenant`, `licence` and `day` in front, sorted by these three, and `closed_at`, the instant from which the row was there.
The schema's hash and the zone of the days (policy `day_zone`) stand in the metadata of the file, unit and meaning in those of each
column. The stream carries both kinds of rows as `features`, told apart by their schema.

- The core computes them while it reads the log, from the same definitions of a call, a phone and a day abroad that the rules
  use, so a row computed from files is the row that the stream would have given.
- Emergency calls, and whatever one of our own restrictions refused, are in no feature.
- All licences have rows, whatever their type: desk phones, trunks, groups and fax lines too.
- Values are integers or ratios rounded to six decimals. None is missing: the table says what a feature is without calls.

## Of a licence-day

One row for each licence and closed calendar day on which the licence registered or a call of it began, with {days} values, in the
order of this table. Schema `{day_hash}`.

A row is what was known when the day closed (one hour after its end, 25 hours for sources that send only CDRs): nothing later
changes it. A call belongs to the day of its start. One that is still up at the close counts with its talk until then.

| # | name | unit | meaning |
|---|---|---|---|
{day}

## Of a licence-week

One row for each licence and closed week, Monday to Sunday, that has a row of a day, with {weeks} values, in the order of this table.
`day` is the week's last day. Schema `{week_hash}`.

A week is made of the rows of its days, each as it closed. It closes when its Sunday does, also if nothing happened on it; if a later
CDR tells of a day of the week before that, with the row of that day. A day whose row comes later still is in no week: it is counted
in `late_days` of the week in which it closed.

| # | name | unit | meaning |
|---|---|---|---|
{week}
"""


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/features.md").write_text(page(), "utf-8")
