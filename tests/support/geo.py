"""Small country databases, so that no real one is needed.

Documentation addresses (192.0.2.0/24, 203.0.113.0/24, 2001:db8::/32) are not global and come out ``private``: use real ones,
such as 2.0.0.0/16 for France.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from mmdb_writer import MMDBWriter
from netaddr import IPSet

Layout = Literal["maxmind", "dbip"]


class _DatedWriter(MMDBWriter):
    """Its build day is said, not read from the clock."""

    built: date

    def _build_meta(self) -> dict[str, Any]:
        at = datetime(self.built.year, self.built.month, self.built.day, 12, tzinfo=UTC)
        return {**super()._build_meta(), "build_epoch": int(at.timestamp())}


def build_mmdb(
    path: Path,
    records: Mapping[str, Any],
    *,
    built: date = date(2026, 3, 1),
    database_type: str = "Test-Country",
    ip_version: Literal[4, 6] = 6,
) -> Path:
    """Write a database of any records by CIDR (IPv4 and IPv6; ``ip_version`` 4 holds IPv4 alone)."""
    writer = _DatedWriter(ip_version, database_type, languages=["en"], description="made by a test", ipv4_compatible=ip_version == 6)
    writer.built = built
    # Wide networks first: the writer cuts a narrower one out of a wider one, not the other way round.
    for cidr, record in sorted(records.items(), key=lambda item: int(item[0].rpartition("/")[2])):
        writer.insert_network(IPSet([cidr]), record)
    writer.to_db_file(str(path))
    return path


def build_country_db(path: Path, networks: Mapping[str, str], layout: Layout = "maxmind", *, built: date = date(2026, 3, 1)) -> Path:
    """Write a country database of ``{cidr: country}``, in MaxMind's layout or DB-IP's."""
    records = {
        cidr: {"country": {"iso_code": country}} if layout == "maxmind" else {"country_code": country} for cidr, country in networks.items()
    }
    return build_mmdb(path, records, built=built, database_type="Test-Country" if layout == "maxmind" else "DBIP-Country-Lite (test)")
