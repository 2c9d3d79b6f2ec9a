"""The numbering, as a table of prefixes for PBXes: what a gate needs to tell a surcharged number from others by its beginning.

A key is ``+`` and digits, or the first digits of a French short code; the longest one that a number begins with says its class. A
foreign number that no key begins is ``intl_fixed_mobile``. Numbers that the policy's ``paid_allow`` opens have the class
``allowed``, which nothing refuses by its price.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from detectors.errors import PolicyError
from streams.dialled import prefix_key
from streams.emergency import EMERGENCY_NUMBERS
from streams.french_plan import HOME_CODES, NINE_DIGIT_CODES, french_prefixes, french_short_codes, overseas_prefixes
from streams.host_policy import number_plan
from streams.numbering import SATELLITE_CODES
from streams.premium_ranges import premium_ranges

#: What the policy's ``paid_allow`` opens.
ALLOWED = "allowed"
Format = Literal["kamailio", "json", "csv"]


class NumberTable(msgspec.Struct, frozen=True):
    """``classes``: prefix → class. ``overseas``: first digits of a national number → calling code and digits to drop.

    ``emergency``: what the operator adds to the numbers that no gate may lack.
    """

    classes: dict[str, str]
    overseas: dict[str, tuple[int, int]]
    emergency: tuple[str, ...]


def number_table(policy: dict[str, Any], base: Path) -> NumberTable:
    """The table of a policy.

    Args:
        policy: its body.
        base: the directory of its file.

    Raises:
        PolicyError: ``paid_allow`` or the ``[numbers]`` table cannot be used.
        VigieError: a file that the policy names cannot be used.
    """
    classes = {f"+{code}": "fixed" for code in sorted(HOME_CODES)}
    for code in sorted({int(code) for code in COUNTRY_CODE_TO_REGION_CODE}):
        found = dict.fromkeys(premium_ranges(code), "premium" if code in HOME_CODES else "intl_premium")
        if code in HOME_CODES:
            found.update(dict.fromkeys(premium_ranges(code, shared_cost=True), "shared_cost"))
        if code in NINE_DIGIT_CODES or code == 33:
            # Our tables answer first, libphonenumber only where they say nothing.
            _overrule(found, {f"+{code}{prefix}": cls for prefix, cls in french_prefixes().items()})
        classes.update(found)
    classes.update(dict.fromkeys((f"+{code}" for code in SATELLITE_CODES), "satellite"))
    classes["+979"], classes["+800"] = "intl_premium", "free"
    classes.update(french_short_codes())
    plan = number_plan(policy, base)
    # The operator's word is the last one: what we know of longer prefixes goes, what he says of them stays.
    _overrule(classes, plan.listed)
    try:
        allowed = {prefix_key(number): ALLOWED for number in policy.get("general", {}).get("paid_allow", ())}
    except ValueError as error:
        raise PolicyError(f"policy: paid_allow: {error}") from None
    _overrule(classes, allowed)
    emergency = tuple(sorted(plan.emergency - set(EMERGENCY_NUMBERS)))
    return NumberTable(dict(sorted(classes.items())), overseas_prefixes(), emergency)


def _overrule(classes: dict[str, str], said: dict[str, str]) -> None:
    for known in [known for known in classes if any(known.startswith(prefix) for prefix in said)]:
        del classes[known]
    classes.update(said)


def rendered(table: NumberTable, format_: Format) -> str:
    """The table as text: a Kamailio include, a JSON object or CSV (``prefix,class``)."""
    if format_ == "json":
        return json.dumps(msgspec.to_builtins(table), indent=1) + "\n"
    if format_ == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([("prefix", "class"), *table.classes.items()])
        return out.getvalue()
    return "\n".join(_kamailio(table)) + "\n"


def _kamailio(table: NumberTable) -> Iterable[str]:
    yield "# Written by `vigie numbers export --format kamailio`; include it once, after vigie-gate.cfg."
    yield "event_route[htable:mod-init] {"
    for prefix, cls in table.classes.items():
        yield f'    $sht(numclass=>{prefix}) = "{cls}";'
    for prefix, (code, drop) in table.overseas.items():
        yield f'    $sht(numoverseas=>{prefix}) = "{code}/{drop}";'
    for number in table.emergency:
        yield f'    $sht(numemergency=>{number}) = "1";'
    yield "}"
