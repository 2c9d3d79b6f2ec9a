"""The country databases that an operator installed: checked, hashed, dated, and kept in the data directory.

vigie ships no database: their licences differ (attribution, share-alike, duties passed on to each recipient), so the operator
chooses one and states its licence. Per role (the country database, the second opinion) the directory holds one MMDB named by its
hash and one record; the record is replaced last, so a crash leaves the former database in force.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Literal

import maxminddb
import msgspec

from streams.location import LocationError, built_day, country_in, open_country_db

Role = Literal["country", "second"]
ROLES: tuple[Role, ...] = ("country", "second")
#: Default home zone (contracts): FR and its overseas codes; TF has IPv6 networks only.
HOME_ZONE = ("FR", "GP", "MQ", "GF", "RE", "YT", "PM", "NC", "PF", "WF", "BL", "MF", "TF")
#: Days after which evidence is flagged, and after which it raises notices only (rules, "Location"; ours).
OLD_DAYS, STALE_DAYS = 45, 180


class Networks(msgspec.Struct, frozen=True):
    """How many networks of a database say something, by address family."""

    v4: int = 0
    v6: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a country database is: the record kept beside it.

    ``built`` and ``installed`` are days (``YYYY-MM-DD``, UTC); ``countries`` counts distinct countries; ``coverage`` counts the
    networks of each home-zone country; ``licence`` is what the operator stated.
    """

    role: Role
    file: str
    source: str
    database_type: str
    description: str
    built: str
    sha256: str
    size: int
    ip_version: int
    networks: Networks
    without_country: int
    countries: int
    coverage: dict[str, Networks]
    licence: str
    installed: str


class Status(msgspec.Struct, frozen=True):
    """An installed database and whether its file is still what was installed."""

    report: Report
    path: Path
    intact: bool


def geo_dir(data_dir: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where databases live: ``geo`` under ``data_dir``, else ``VIGIE_HOME``, else the user's data directory (XDG).

    >>> geo_dir(environ={"VIGIE_HOME": "/srv/vigie"}).as_posix()
    '/srv/vigie/geo'
    """
    if data_dir is None and environ.get("VIGIE_HOME"):
        data_dir = Path(environ["VIGIE_HOME"])
    if data_dir is None:
        data_dir = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "vigie"
    return data_dir / "geo"


def install(file: Path, *, installed: date, licence: str = "", role: Role = "country", data_dir: Path | None = None) -> Report:
    """Check a country MMDB and put it in force.

    Args:
        file: the MMDB, in MaxMind's, DB-IP's or IPinfo's layout.
        installed: today.
        licence: the licence under which the operator has it.
        role: ``country``, or ``second`` for the second opinion.
        data_dir: instead of the default data directory.

    Raises:
        LocationError: it cannot be read, is damaged, or says nothing of countries; nothing is changed then.
    """
    folder = geo_dir(data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The copy is checked, not the original, which may change under our eyes.
        copy, sha256, size = _copy(file, folder)
    except OSError as error:
        raise LocationError(f"{file}: cannot be copied to {folder}: {error}") from error
    try:
        other = _record("second" if role == "country" else "country", folder)
        if other is not None and other.sha256 == sha256:
            raise LocationError(f"{file}: it is the {other.role} database already; a copy of itself would always agree: use another source")
        facts = _inspect(copy, file)
        report = msgspec.convert(
            facts
            | {
                "role": role, "file": f"{role}-{sha256[:16]}.mmdb", "source": file.name, "sha256": sha256, "size": size,
                "licence": licence.strip(), "installed": installed.isoformat(),
            },
            Report,
        )  # fmt: skip
        os.replace(copy, folder / report.file)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    _write(folder / f"{role}.json", msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    for old in folder.glob(f"{role}-*.mmdb"):
        if old.name != report.file:
            old.unlink(missing_ok=True)  # some licences oblige to destroy superseded versions
    return report


def installed_path(role: Role = "country", data_dir: Path | None = None) -> Path | None:
    """Path of the database installed for a role, or ``None``.

    Raises:
        LocationError: its record is damaged.
    """
    report = _record(role, geo_dir(data_dir))
    return None if report is None else geo_dir(data_dir) / report.file


def default_database(data_dir: Path | None = None) -> Path | None:
    """Path of the installed country database, or ``None``."""
    return installed_path("country", data_dir)


def second_database(data_dir: Path | None = None) -> Path | None:
    """Path of the installed second database, or ``None``."""
    return installed_path("second", data_dir)


def status(data_dir: Path | None = None) -> list[Status]:
    """What is installed, each file hashed anew.

    Raises:
        LocationError: a record is damaged.
    """
    folder = geo_dir(data_dir)
    found = []
    for role in ROLES:
        report = _record(role, folder)
        if report is not None:
            path = folder / report.file
            found.append(Status(report, path, path.is_file() and _sha256(path) == report.sha256))
    return found


def age_days(built: str, today: date) -> int:
    """Days since a database was built."""
    return (today - date.fromisoformat(built)).days


def age_warning(built: str, today: date) -> str:
    """What its age costs, in a sentence, or ``""``.

    >>> age_warning("2026-01-01", date(2026, 2, 15)), age_warning("2026-01-01", date(2026, 2, 16))
    ('', 'built 46 days ago: over 45 days, its evidence is flagged; install a newer one')
    """
    days = age_days(built, today)
    if days > STALE_DAYS:
        return f"built {days} days ago: over {STALE_DAYS} days, location rules raise notices only; install a newer one"
    if days > OLD_DAYS:
        return f"built {days} days ago: over {OLD_DAYS} days, its evidence is flagged; install a newer one"
    return ""


def _inspect(path: Path, source: Path) -> dict[str, object]:
    """Walk every network of a database: a damaged record anywhere is found now, not during a run."""
    per_country: dict[str, list[int]] = {}
    samples: dict[str, str] = {}
    total = [0, 0]
    without = 0
    try:
        with open_country_db(path) as reader:
            meta = reader.metadata()
            for network, record in reader:
                family = 0 if network.version == 4 else 1
                total[family] += 1
                country = country_in(record)
                if not country:
                    without += 1
                    continue
                per_country.setdefault(country, [0, 0])[family] += 1
                samples.setdefault(country, str(network.network_address))
            for country, address in samples.items():
                if country_in(reader.get(address)) != country:
                    raise LocationError(f"{source}: damaged: {address} is {country} in the walk and not by look-up; fetch it again")
            built = built_day(reader)
    except LocationError as error:
        raise LocationError(str(error).replace(str(path), str(source))) from error
    except (maxminddb.InvalidDatabaseError, ValueError, OSError) as error:
        raise LocationError(f"{source}: damaged ({error}); fetch it again") from error
    if not samples:
        raise LocationError(
            f"{source}: no record of this {meta.database_type} database names a country; "
            "expected country.iso_code (MaxMind) or country_code (DB-IP, IPinfo)"
        )
    return {
        "database_type": meta.database_type,
        "description": meta.description.get("en") or next(iter(meta.description.values()), ""),
        "built": built,
        "ip_version": meta.ip_version,
        "networks": Networks(*total),
        "without_country": without,
        "countries": len(samples),
        "coverage": {country: Networks(*per_country.get(country, (0, 0))) for country in HOME_ZONE},
    }


def _record(role: Role, folder: Path) -> Report | None:
    path = folder / f"{role}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise LocationError(f"{path}: damaged ({error}); run `vigie geo install` again") from error


def _copy(file: Path, folder: Path) -> tuple[Path, str, int]:
    digest = hashlib.sha256()
    size = 0
    with file.open("rb") as source, tempfile.NamedTemporaryFile(dir=folder, prefix=".incoming-", delete=False) as target:
        copy = Path(target.name)
        try:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
    copy.chmod(0o644)  # a temporary file is private; the service that reads it may run as another user
    return copy, digest.hexdigest(), size


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".incoming-", delete=False) as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    temporary = Path(target.name)
    try:
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
