"""A file of features in, a file of scores out: what the live scorer would have written of the same rows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from detectors.days import HOUR, DayClock, day_clock, iso
from detectors.outputs import Features
from models import parquet
from models.registry import aliases, loading
from models.registry.errors import ModelMissing, ModelRefused
from models.registry.signing import Publishers, read_publishers
from models.scoring.asking import BATCH, Asked, Role, score_rows
from streams.errors import UsageError
from streams.progress import Progress, Silent
from streams.wire import to_line

#: Rows of one turn.
_ROWS = 16 * BATCH


class Done(msgspec.Struct):
    """What one model did: rows scored, of which ``high`` reached ``threshold``, and the seconds that took, without reasons."""

    version: str
    role: Role
    threshold: float
    rows: int = 0
    high: int = 0
    seconds: float = 0.0


class Outcome(msgspec.Struct):
    """What became of a file: what each model did, and why others were not asked."""

    models: list[Done]
    refused: list[str]


def score_file(
    source: Path, registry: Path, target: Path, versions: tuple[str, ...] = (), close_hours: int = 1, progress: Progress | None = None
) -> Outcome:
    """Score the rows of a file, in their order, each by every model that is asked.

    Args:
        source: a file of features.
        registry: the registry's folder.
        target: the file of scores, one ``score`` a line; there whole or not at all.
        versions: which to ask; by default the champion of each name.
        close_hours: when a day closes after its end; scores have that instant, as live ones have.
        progress: a listener.

    Raises:
        InputUnreadable: the features cannot be read.
        ModelRefused: none of the models can be asked; nothing is written then.
        UsageError: ``target`` cannot be such a file, or a version is none.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError(f"{target}: cannot be written; --out names a file in a directory that exists")
    publishers = read_publishers(registry)
    asked, refused = _asked(registry, publishers, versions)
    if not asked:
        raise ModelMissing(refused[0] if refused else f"{registry}: no model is champion; name one with --version, or promote one")
    found = parquet.read(source)
    others = [one.model.manifest for one in asked if one.model.manifest.rows != found.rows]
    refused += [f"{one.version}: scores rows of a {one.rows}; {source} has those of a {found.rows}" for one in others]
    asked = [one for one in asked if one.model.manifest.rows == found.rows]
    done = [Done(one.model.manifest.version, one.role, one.threshold) for one in asked]
    clock = day_clock(found.day_zone)
    progress = progress or Silent()
    progress.stage("scoring", len(found.matrix), "events")
    temporary = target.with_name(f".{target.name}.unfinished")
    try:
        with temporary.open("wb") as out:
            for at in range(0, len(found.matrix), _ROWS):
                rows = _rows(found, at, at + _ROWS, clock, close_hours)
                for one, account in zip(asked, done, strict=True):
                    answer = score_rows(rows, one)
                    account.rows += len(rows)
                    account.seconds += answer.seconds
                    account.high += sum(score.score >= one.threshold for score in answer.scores)
                    out.writelines(to_line(score) + b"\n" for score in answer.scores)
                progress.advance(at + len(rows), at + len(rows))
        parquet.settle(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return Outcome(done, refused)


def _asked(registry: Path, publishers: Publishers, versions: tuple[str, ...]) -> tuple[list[Asked], list[str]]:
    """The models to ask, by name and version, and why others cannot be."""
    roles = aliases.current(registry, publishers)
    champions = {one.champion for one in roles.values() if one.champion}
    asked, refused = [], []
    for version in sorted(set(versions) or champions):
        name = version.rpartition("-")[0]
        if not name:
            raise UsageError(f"--version {version!r}: a version is a model's name and 12 digits, as vigie models list shows it")
        try:
            model = loading.load(registry, name, version, publishers)
        except ModelRefused as error:
            refused.append(str(error))
            continue
        asked.append(Asked(model, "champion" if version in champions else "challenger", model.manifest.threshold))
    return asked, refused


def _rows(found: parquet.FeatureRows, begin: int, end: int, clock: DayClock, close_hours: int) -> list[Features]:
    days = found.day[begin:end].astype("int64").tolist()
    keys = zip(found.tenant[begin:end], found.licence[begin:end], days, found.matrix[begin:end].tolist(), strict=True)
    return [
        Features(
            tenant=tenant, licence=licence, day=iso(day), closed_at=clock.bounds(day)[1] + close_hours * HOUR,
            schema_hash=found.schema_hash, values=tuple(values),
        )
        for tenant, licence, day, values in keys
    ]  # fmt: skip
