"""Where an address is: country, kind of network, and whether two databases agree.

An address database is evidence, never proof: in 200,000 random addresses two of them disagree on 5 to 9 %, and one places 7 % of
French addresses abroad. So a disagreement has no country, and what the class says beyond ``access`` comes from lists that the
operator supplies.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import maxminddb

from detectors.events import Loc
from streams.errors import InputUnreadable

#: Classes that a list of networks may give; ``private`` and ``unknown`` are conclusions.
LISTED_CLASSES = ("access", "mobile", "hosting", "vpn", "relay")
#: Classes that say nothing of a person's place, so they hold without a country.
PLACELESS = frozenset({"hosting", "vpn", "relay"})
#: What databases write where they do not know: ZZ (DB-IP), EU and AP (regions, no country), XX.
NO_COUNTRY = frozenset({"ZZ", "EU", "AP", "XX"})

_ISO = re.compile(r"[A-Z]{2}\Z")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class LocationError(InputUnreadable):
    """A database or a list of networks cannot be used. The message names the file (and line) and what to do."""


def country_in(record: object) -> str:
    """Country code of a database record, or ``""``.

    Reads the layouts of MaxMind (``country.iso_code``), DB-IP and IPinfo (``country_code``, or ``country`` as text). A
    ``registered_country`` is where a network is administered, not where it is used: it does not count.

    >>> country_in({"country": {"iso_code": "RE"}}), country_in({"country_code": "ZZ"})
    ('RE', '')
    >>> country_in({"registered_country": {"iso_code": "FR"}})
    ''
    """
    if not isinstance(record, dict):
        return ""
    value: Any = record.get("country_code")
    if value is None:
        value = record.get("country")
        if isinstance(value, dict):
            value = value.get("iso_code")
    return value if isinstance(value, str) and _ISO.match(value) and value not in NO_COUNTRY else ""


def open_country_db(path: Path) -> maxminddb.Reader:
    """Open an MMDB file, with the C reader over mmap (0.7 µs a look-up) or the Python one (10 µs).

    Raises:
        LocationError: it cannot be read, or is no MMDB.
    """
    try:
        return maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT)
    except ValueError:
        pass  # built without the C extension
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise _unreadable(path, error) from error
    try:
        return maxminddb.open_database(path, maxminddb.MODE_MMAP)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> LocationError:
    return LocationError(f"{path}: cannot be read as a country database ({error}); expected an MMDB file, not compressed")


def built_day(reader: maxminddb.Reader) -> str:
    """The database's build day (UTC), ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(reader.metadata().build_epoch, UTC).date().isoformat()


def _country(reader: maxminddb.Reader, address: _Address) -> str:
    if address.version == 6 and reader.metadata().ip_version == 4:
        return ""
    try:
        return country_in(reader.get(address))
    except maxminddb.InvalidDatabaseError as error:
        raise LocationError(f"the country database is damaged ({error}); install it again") from error


class NetworkLists:
    """Networks with a class, from files of one CIDR per line; the longest prefix wins, then the later file.

    Args:
        files: pairs of a file and the class of all its networks.

    Raises:
        LocationError: a file cannot be read, a line is no network, or a class is unknown.
    """

    def __init__(self, files: Sequence[tuple[Path, str]]) -> None:
        by_length: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        for path, cls in files:
            if cls not in LISTED_CLASSES:
                raise LocationError(f"{path}: {cls!r} is no class of networks; use one of {', '.join(LISTED_CLASSES)}")
            try:
                lines = path.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise LocationError(f"{path}: cannot be read as a list of networks: {error}") from error
            for n, line in enumerate(lines, 1):
                text = line.partition("#")[0].strip()
                if not text:
                    continue
                try:
                    network = ipaddress.ip_network(text, strict=False)
                except ValueError:
                    raise LocationError(f"{path}:{n}: {text[:60]!r} is no network; write one CIDR per line, such as 192.0.2.0/24") from None
                shift = network.max_prefixlen - network.prefixlen
                by_length[network.version].setdefault(shift, {})[int(network.network_address) >> shift] = cls
        self._tables = {version: sorted(tables.items()) for version, tables in by_length.items()}

    def find(self, address: _Address) -> str:
        """Class of the narrowest network that holds an address, or ``""``."""
        value = int(address)
        for shift, table in self._tables[address.version]:
            cls = table.get(value >> shift)
            if cls is not None:
                return cls
        return ""


def network_of(address: _Address) -> str:
    """The /24 or /48 around an address: what counts as "the same network".

    >>> network_of(ipaddress.ip_address("2.3.4.5")), network_of(ipaddress.ip_address("2a01:e0a:1:2::3"))
    ('2.3.4.0/24', '2a01:e0a:1::/48')
    """
    if address.version == 4:
        # Cutting the text is a third of the cost of a new address object, and each new phone pays it.
        return f"{str(address).rpartition('.')[0]}.0/24"
    return f"{ipaddress.IPv6Address(int(address) >> 80 << 80)}/48"


class Locator:
    """Stamps addresses. Answers depend on its tables alone, and are remembered per address string.

    Without a database it still tells private and listed networks; ``covered`` is then false and location rules are not judged.
    """

    def __init__(
        self,
        readers: Sequence[maxminddb.Reader],
        lists: NetworkLists | None = None,
        cache_size: int = 200_000,
    ) -> None:
        self._readers = list(readers)
        self._lists = lists or NetworkLists(())
        # Of two databases the older one decides the age of what they say together.
        self._built = min(map(built_day, self._readers), default="")
        self._cache_size = cache_size
        self._cache: dict[str, Loc] = {}
        self._shared: dict[Loc, Loc] = {}

    @classmethod
    def open(cls, country_db: Path | None = None, second_db: Path | None = None, networks: Sequence[tuple[Path, str]] = ()) -> Locator:
        """Open what is configured.

        Args:
            country_db: country MMDB, in MaxMind's, DB-IP's or IPinfo's layout; none: nothing is covered.
            second_db: a second one, which must agree.
            networks: pairs of a CIDR file and its class.

        Raises:
            LocationError: one of them cannot be used.
        """
        if second_db is not None and country_db is None:
            raise LocationError(f"{second_db}: a second database needs a first one; configure it as the country database")
        if country_db and second_db and country_db.resolve() == second_db.resolve():
            raise LocationError(f"{second_db}: both databases are one file, which would always agree with itself; use another source")
        lists = NetworkLists(networks)
        return cls([open_country_db(path) for path in (country_db, second_db) if path is not None], lists)

    @property
    def covered(self) -> bool:
        """Whether a country database is there."""
        return bool(self._readers)

    @property
    def built(self) -> str:
        """Build day of the (older) database, ``""`` without one."""
        return self._built

    def locate(self, address: str | None) -> Loc | None:
        """Where an address is; ``None`` when there is no address.

        A string that is no address has class ``unknown``; an address outside the global internet is ``private``; two databases
        that disagree give ``unknown`` and no country; so does a database that does not know an address.
        """
        if not address:
            return None
        found = self._cache.get(address)
        return found if found is not None else self._miss(address)

    def _miss(self, address: str) -> Loc:
        loc = self._look_up(address)
        if len(self._cache) >= self._cache_size:
            for old in list(islice(self._cache, max(1, self._cache_size // 8))):
                del self._cache[old]
            self._shared.clear()
        loc = self._shared.setdefault(loc, loc)
        if len(address) <= 64:
            self._cache[address] = loc
        return loc

    def _look_up(self, text: str) -> Loc:
        try:
            address = ipaddress.ip_address(text.strip().strip("[]"))
        except ValueError:
            return Loc()
        if isinstance(address, ipaddress.IPv6Address):
            # Databases answer nothing for ::ffff:a.b.c.d, which dual-stack sockets write for every IPv4 peer.
            address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
        network = network_of(address)
        if not address.is_global:
            return Loc(cls="private", network=network)
        listed = self._lists.find(address)
        countries = [_country(reader, address) for reader in self._readers]
        country = countries[0] if len(set(countries)) == 1 else ""
        if not country and listed not in PLACELESS:
            return Loc(built=self._built, network=network)
        return Loc(country, listed or "access", self._built, bool(country) and len(countries) > 1, network)

    def close(self) -> None:
        """Close the databases."""
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Locator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
