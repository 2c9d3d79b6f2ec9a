"""The tables of a policy that hosts read: where addresses are looked up, and what numbers cost.

::

    [geo]
    country_db = "country.mmdb"            paths are relative to the policy file
    second_db = "other.mmdb"
    network_lists = [{ file = "vpn.txt", class = "vpn" }]

    [numbers]
    rates = "tariff.csv"
    prefixes = { "+88237" = "operator_risk" }
    emergency = ["1234"]                   added to the table; nothing can be removed from it
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from detectors.errors import PolicyError
from streams.location import Locator
from streams.numbering import NumberPlan
from streams.rates import RateTable


class NetworkList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of CIDRs and the class of all of them."""

    file: str
    cls: str = msgspec.field(name="class")


class Geo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[geo]`` table."""

    country_db: str | None = None
    second_db: str | None = None
    network_lists: tuple[NetworkList, ...] = ()


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[numbers]`` table."""

    rates: str | None = None
    prefixes: dict[str, str] = {}
    emergency: tuple[str, ...] = ()


def geo_table(body: dict[str, Any]) -> Geo:
    """The ``[geo]`` table of a policy.

    Raises:
        PolicyError: an unknown key or a wrong type.
    """
    table: Geo = _convert("geo", body, Geo)
    return table


def number_table(body: dict[str, Any]) -> Numbers:
    """The ``[numbers]`` table of a policy.

    Raises:
        PolicyError: an unknown key or a wrong type.
    """
    table: Numbers = _convert("numbers", body, Numbers)
    return table


def number_plan(body: dict[str, Any], base: Path) -> NumberPlan:
    """The number plan that a policy asks for.

    Args:
        body: the policy.
        base: the directory of its file.

    Raises:
        PolicyError: an unknown key or a wrong type.
        VigieError: a table or list that cannot be used.
    """
    table = number_table(body)
    rates = RateTable.from_csv(base / table.rates) if table.rates is not None else None
    return NumberPlan(rates, table.prefixes, table.emergency)


def locator(table: Geo, base: Path, country_db: Path | None, second_db: Path | None) -> Locator:
    """The locator that a policy and the command line ask for.

    Args:
        table: the ``[geo]`` table.
        base: the directory of the policy file.
        country_db: country database.
        second_db: second opinion.

    Raises:
        LocationError: one of the files cannot be used.
    """
    return Locator.open(country_db, second_db, [(base / one.file, one.cls) for one in table.network_lists])


def _convert(name: str, body: dict[str, Any], into: Any) -> Any:
    try:
        return msgspec.convert(body.get(name, {}), into)
    except msgspec.ValidationError as error:
        raise PolicyError(f"policy: [{name}] {error}") from error
