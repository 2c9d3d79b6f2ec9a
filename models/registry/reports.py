"""What a comparison of two versions found, as a file: a table for people, a report of a shadow run for a promotion.

A shadow run's report lies in the version's folder (``shadow-<time>.json``). A promotion signs its digest, so the two persons have
seen the same numbers, and nobody's edit passes.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from detectors.days import DAY
from models.registry import store
from models.registry.errors import MoveRefused
from models.registry.manifest import Manifest
from streams.durable import replace_file
from streams.times import format_time, parse_time

FORMAT = 1
#: A report older than this says nothing of today's traffic.
FRESH_MS = 7 * DAY
#: Clocks of two analysts' machines differ by seconds.
SKEW_MS = 120_000
#: Reports have some hundred lines, and up to two ids for each row of labels.
_REPORT_MAX = 64 * 2**20

#: A value and its 95 % interval, ``None`` where it has no meaning.
Measured = tuple[float | None, float | None, float | None]


class Metric(msgspec.Struct, frozen=True):
    """One metric of both on the same rows, and the interval of the difference from the same draws."""

    champion: Measured
    candidate: Measured
    difference: Measured


class SliceLine(msgspec.Struct, frozen=True):
    """Average precision of both in a part of the rows, and the candidate's floor there, if its recipe has one."""

    name: str
    rows: int
    breaches: int
    metric: Metric
    guard: float | None = None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One version on the feature rows. Rules alone score nothing and have no mix.

    Args:
        version: empty for rules alone.
        scored: rows that it was asked about, labels' and features' together.
        errors: of them without a score.
        mix: share of the feature rows ``below`` the review threshold, for ``review``, and ``urgent``.
    """

    version: str
    scored: int = 0
    errors: int = 0
    mix: dict[str, float] | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comparison.

    Args:
        name: of the model.
        manifest_sha256: digest of the candidate's ``manifest.json``.
        champion: the side it is measured against.
        candidate: the side in question.
        made_at: RFC 3339; empty in a comparison that is no shadow run.
        labels_sha256: digest of the labels' file, empty without.
        features_sha256: digest of the features' file, empty without.
        basis: which rows of the labels were used, in words.
        rows: of the labels that were used.
        breaches: among them.
        period: first and last day of these rows.
        capacity: alerts a day that are reviewed, on these rows.
        metrics: by name.
        slices: in the order of their names.
        appear: ids of alerts that the candidate wants reviewed and the champion does not.
        disappear: ids of alerts the other way round.
        alike: share of the feature rows that both put into the same part; ``None`` without a champion.
    """

    format: int = FORMAT
    name: str
    manifest_sha256: str
    champion: Side
    candidate: Side
    made_at: str = ""
    labels_sha256: str = ""
    features_sha256: str = ""
    basis: str = ""
    rows: int = 0
    breaches: int = 0
    period: tuple[str, str] = ("", "")
    capacity: float = 0.0
    metrics: dict[str, Metric] = {}
    slices: list[SliceLine] = []
    appear: list[str] = []
    disappear: list[str] = []
    alike: float | None = None


_read = msgspec.json.Decoder(Report).decode


def write(registry: Path, report: Report) -> tuple[Path, str]:
    """Put the report of a shadow run into its version's folder; its path and digest."""
    data = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    stamp = report.made_at[:19].replace("-", "").replace(":", "") + "Z"
    path = store.folder(registry, report.name, report.candidate.version) / f"shadow-{stamp}.json"
    replace_file(path, data)
    return path, store.digest(data)


def newest(registry: Path, name: str, version: str) -> tuple[Report, str] | None:
    """The latest report of a version's shadow runs and its digest; ``None`` when there is none.

    Raises:
        MoveRefused: it cannot be read.
    """
    folder = store.folder(registry, name, version)
    # Names hold the time: their order is that of the runs.
    found = sorted(path for path in folder.iterdir() if store.SHADOW.fullmatch(path.name))
    return _opened(found[-1], name, version) if found else None


def with_digest(registry: Path, name: str, version: str, sha256: str) -> Report:
    """The report of a version's shadow runs that has a digest.

    Raises:
        MoveRefused: there is none.
    """
    folder = store.folder(registry, name, version)
    for path in sorted(folder.iterdir()):
        if store.SHADOW.fullmatch(path.name) and store.digest(store.read_bytes(path, _REPORT_MAX)) == sha256:
            return _opened(path, name, version)[0]
    raise MoveRefused(f"{version}: the shadow report of the request is gone or was changed; run vigie models shadow, and promote again")


def require(report: Report, manifest: Manifest, manifest_sha256: str, champion: str, now: int) -> None:
    """Refuse a promotion that a report does not carry.

    Args:
        report: of a shadow run.
        manifest: the candidate's, whose guards count.
        manifest_sha256: its digest.
        champion: the version in force now, empty for rules alone.
        now: milliseconds.

    Raises:
        MoveRefused: saying what does not hold.
    """
    name, version = manifest.name, manifest.version
    again = f"run: vigie models shadow {name} {version}"
    made = parse_time(report.made_at)
    if report.manifest_sha256 != manifest_sha256:
        raise MoveRefused(f"{version}: its shadow report is of another manifest; {again}")
    if made > now + SKEW_MS:
        raise MoveRefused(f"{version}: its shadow report is of the future ({report.made_at}); see the clock, then {again}")
    if now - made > FRESH_MS:
        raise MoveRefused(f"{version}: its shadow report is older than {FRESH_MS // DAY} days ({report.made_at}); {again}")
    if report.champion.version != champion:
        against, now_is = report.champion.version or "rules alone", champion or "rules alone"
        raise MoveRefused(f"{version}: its shadow report is against {against}, and in force is now {now_is}; {again}")
    if report.candidate.errors:
        failed = f"{report.candidate.errors:,} of {report.candidate.scored:,}"
        raise MoveRefused(f"{version}: gave no score for {failed} rows of its shadow run; see these rows, or train it again")
    if not report.candidate.scored:
        raise MoveRefused(f"{version}: its shadow run scored no row; give it --features of these days")
    lines = {line.name: line for line in report.slices}
    for name, floor in sorted(manifest.guards.items()):
        line = lines.get(name)
        value = None if line is None else line.metric.candidate[0]
        if value is None:
            few = f"has {line.rows} verdicts, {line.breaches} of them breaches" if line else "has no verdicts"
            raise MoveRefused(f"{version}: slice {name} {few}: too few to hold its guard of {floor:g}; judge and export more, {again}")
        if value < floor:
            raise MoveRefused(f"{version}: slice {name} is worse than its guard: {value:.3f} under {floor:g}; train it on more of these")


def _opened(path: Path, name: str, version: str) -> tuple[Report, str]:
    data = store.read_bytes(path, _REPORT_MAX)
    try:
        report = _read(data)
        made = parse_time(report.made_at)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise MoveRefused(f"{path}: no report of a shadow run; remove it, and run: vigie models shadow {name} {version}") from None
    if (report.format, report.name, report.candidate.version) != (FORMAT, name, version) or not path.name.startswith(
        f"shadow-{format_time(made)[:10].replace('-', '')}"
    ):
        raise MoveRefused(f"{path}: a report of something else; remove it, and run: vigie models shadow {name} {version}")
    return report, store.digest(data)
