"""What every target checks before it sends an order.

Orders are lines of text for most PBXes: an empty part, a space or a line end in the wrong place makes another order of it.
FreeSWITCH's ``flush_inbound_reg`` without argument drops everybody's registration, an AMI ``Hangup`` of ``/./`` ends every call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pbx.bridge.target import Entry, TargetError

#: How many failures a message names.
_NAMED = 3

Wanted = TypeVar("Wanted")
Order = TypeVar("Order")


def given(part: str, what: str = "AoR", without: str = "") -> str:
    """A part of an order, as it is.

    Args:
        part: the text.
        what: what it is, for the message.
        without: characters that separate parts in the PBX's language.

    Raises:
        TargetError: it is empty, or holds white space, a control character or one of ``without``.

    >>> given("alice@pbx.example")
    'alice@pbx.example'
    >>> given("")
    Traceback (most recent call last):
    pbx.bridge.target.TargetError: an order without AoR is never sent
    """
    if not part:
        raise TargetError(f"an order without {what} is never sent")
    if not part.isprintable() or any(one.isspace() or one in without for one in part):
        raise TargetError(f"{what} {part!r} would be another order in this PBX's language and is never sent; mend it in provisioning")
    return part


def is_key(text: str, without: str = "") -> bool:
    """Whether a key of a PBX's table can be an AoR that this bridge writes; others there are nobody's restriction."""
    try:
        return bool(given(text, without=without))
    except TargetError:
        return False


def sendable(wanted: Iterable[Wanted], order: Callable[[Wanted], Order]) -> tuple[list[Order], list[str]]:
    """The orders that can be written, and what is wrong with the others: one must not hold up thousands."""
    orders, wrong = [], []
    for one in wanted:
        try:
            orders.append(order(one))
        except TargetError as error:
            wrong.append(str(error))
    return orders, wrong


def complain(wrong: list[str]) -> None:
    """Raise what is wrong, if anything is.

    Raises:
        TargetError: names the first few.
    """
    if wrong:
        more = f" (and {len(wrong) - _NAMED} more)" if len(wrong) > _NAMED else ""
        raise TargetError("; ".join(wrong[:_NAMED]) + more)


def foreign(aor: str) -> Entry:
    """What stands for a value that somebody else wrote: it equals nothing that is wanted, so the repair replaces or lifts it."""
    return Entry(aor=aor, decision_id="", customer_code="", restrictions=("outgoing",))


def known(options: Mapping[str, str], names: Iterable[str], what: str) -> None:
    """Refuse options that a target does not have.

    Raises:
        TargetError: names them, and those there are.
    """
    allowed = sorted(names)
    unknown = sorted(options.keys() - set(allowed))
    if unknown:
        raise TargetError(f"{what} has no option {', '.join(unknown)}; there are {', '.join(allowed)}")


def numbers(options: Mapping[str, str]) -> dict[str, str]:
    """The classes of numbers for a gate that has no table of its own: keys and values to be put beside the suspensions.

    Keys are prefixes, value their class; ``o`` and the first digits of a French national number: calling code ``/`` digits to
    drop; ``e`` and an emergency number of the operator's: ``1``. Empty without the option ``numbers``.

    Args:
        options: ``numbers``: path of what ``vigie numbers export --format json`` wrote.

    Raises:
        TargetError: the file cannot be read, or is something else.
    """
    if not (path := options.get("numbers")):
        return {}
    try:
        table = json.loads(Path(path).read_text("utf-8"))
        found = {str(prefix): str(cls) for prefix, cls in table["classes"].items()}
        found |= {f"o{first}": f"{code}/{drop}" for first, (code, drop) in table["overseas"].items()}
        found |= {f"e{number}": "1" for number in table["emergency"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TargetError(f"numbers={path} cannot be read ({error}); write it with vigie numbers export --format json") from error
    return {given(key, "prefix"): given(value, "class") for key, value in found.items()}


def secret(options: Mapping[str, str], what: str) -> str:
    """The password among the options: ``secret_file`` (first line), or ``secret``, which other users of the machine can see.

    Raises:
        TargetError: there is neither, or the file cannot be read, or it is empty.
    """
    text = options.get("secret", "")
    if path := options.get("secret_file"):
        try:
            text = Path(path).read_text("utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TargetError(f"the secret of {what} cannot be read from {path}: {error}") from error
    if not text:
        raise TargetError(f"{what} needs a secret; give secret_file=PATH")
    return text
