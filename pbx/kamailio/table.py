"""What stands in Kamailio's htable ``suspended``: key the AoR, value one text that the gate takes apart with ``{s.select}``.

``1|<decision_id>|<customer_code>|<letters>|<home_prefixes>|<prefixes>|<allowed_numbers>``: the first field is the layout's
version, lists are separated by commas, and the letters are the restrictions, in this order: ``o`` outgoing, ``i``
international, ``p`` paid, ``x`` prefixes, ``c`` credentials.
"""

from __future__ import annotations

from collections.abc import Iterable

from pbx.bridge.target import RESTRICTIONS, Entry, TargetError

LAYOUT = "1"
LETTERS = {"outgoing": "o", "international": "i", "paid": "p", "prefixes": "x", "credentials": "c"}
_FIELDS = 7


def encode(entry: Entry) -> str:
    """The value of an entry.

    Raises:
        TargetError: a part holds a character that separates parts, or a control character.

    >>> one = Entry(aor="a@pbx.example", decision_id="de-1", customer_code="V1", restrictions=("international", "paid"),
    ...             home_prefixes=("+33", "+262"), allowed_numbers=("+33100000000",))
    >>> encode(one)
    '1|de-1|V1|ip|+33,+262||+33100000000'
    """
    letters = "".join(letter for name, letter in LETTERS.items() if name in entry.restrictions)
    lists = (_joined(one) for one in (entry.home_prefixes, entry.prefixes, entry.allowed_numbers))
    fields = (LAYOUT, entry.decision_id, entry.customer_code, letters, *lists)
    if not all(field.isprintable() and "|" not in field for field in fields) or "," in entry.decision_id + entry.customer_code:
        raise TargetError(f"{entry.aor}: decision {entry.decision_id!r} holds a character that Kamailio's table needs for itself")
    return "|".join(fields)


def decode(aor: str, value: str) -> Entry:
    """The entry of a value.

    Raises:
        TargetError: it is not of this layout: somebody else wrote it.

    >>> decode("a@pbx.example", "1|de-1|V1|oc|||").restrictions
    ('outgoing', 'credentials')
    """
    fields = value.split("|")
    if len(fields) != _FIELDS or fields[0] != LAYOUT or set(fields[3]) - set(LETTERS.values()) or not fields[3]:
        raise TargetError(f"{aor}: {value[:100]!r} in Kamailio's table is not of this bridge")
    _, decision, code, letters, home, prefixes, allowed = fields
    return Entry(
        aor=aor,
        decision_id=decision,
        customer_code=code,
        restrictions=tuple(name for name in RESTRICTIONS if LETTERS[name] in letters),
        home_prefixes=_parts(home),
        prefixes=_parts(prefixes),
        allowed_numbers=_parts(allowed),
    )


def _joined(parts: Iterable[str]) -> str:
    kept = tuple(parts)
    if any("," in part or not part for part in kept):
        raise TargetError(f"a list of prefixes or numbers has an empty part or one with a comma: {kept!r}")
    return ",".join(kept)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
