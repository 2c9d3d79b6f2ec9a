"""The table as a whole: what differs from what stands, and a digest that two sides can compare."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from pbx.bridge.target import Entry


class Difference(NamedTuple):
    """What to do to a PBX so that its table is the wanted one, each sorted by AoR."""

    put: list[Entry]
    drop: list[str]

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


def difference(wanted: Mapping[str, Entry], standing: Mapping[str, Entry]) -> Difference:
    """Compare what must stand with what stands."""
    put = [wanted[aor] for aor in sorted(wanted) if standing.get(aor) != wanted[aor]]
    return Difference(put, sorted(standing.keys() - wanted.keys()))


def table_hash(table: Mapping[str, Entry]) -> str:
    """Digest of a table, whatever the order its entries were put in: equal tables, and only they, have equal ones.

    >>> table_hash({})
    'cae66941d9efbd404e4d88758ea67670'
    """
    whole = blake2b(digest_size=16)
    for aor in sorted(table):
        one = table[aor]
        lists = (one.restrictions, one.prefixes, one.home_prefixes, one.allowed_numbers)
        fields = (aor, one.decision_id, one.customer_code, *map(",".join, lists))
        # Lengths, so that no text can pass for two.
        whole.update("".join(f"{len(field)}:{field}" for field in fields).encode("utf-8", "surrogatepass"))
    return whole.hexdigest()
