"""Why the contracts refuse an object, in one line."""

from __future__ import annotations

from pydantic import ValidationError

from streams.contracts.inputs import INPUTS
from streams.contracts.outputs import OUTPUTS
from streams.contracts.types import VERSION
from streams.errors import ContractRefused

#: Inputs that are no events: other readers take them.
ELSEWHERE = {
    "bridge": "a bridge command is read by the bridges of the PBXes, not by detection",
    "log": "a log header can only be the first line of a file",
}
EVENT_KINDS = tuple(kind for kind in INPUTS if kind not in ELSEWHERE)


def refusal(record: object) -> ContractRefused | None:
    """The reason why a parsed record is no event of contracts version 1, or None when it is one.

    >>> print(refusal({"kind": "tick", "time": "2026-11-24T10:15:00"}))
    tick: time: a time needs an offset or Z at its end
    """
    if not isinstance(record, dict):
        return ContractRefused("a record is a JSON object", "not_an_object")
    kind = record.get("kind")
    if not isinstance(kind, str):
        return ContractRefused(f"kind: missing; one of {', '.join(EVENT_KINDS)}", "unknown_kind")
    if kind in ELSEWHERE:
        return ContractRefused(f"kind: {ELSEWHERE[kind]}", "unknown_kind")
    if kind in OUTPUTS:
        return ContractRefused(f"kind: {kind} is an output of vigie, not an input", "unknown_kind")
    if kind not in EVENT_KINDS:
        # Cut and quoted: the value is whatever a producer sent, and the reason is one line on a screen.
        return ContractRefused(f"kind: {kind[:40]!a} is unknown; one of {', '.join(EVENT_KINDS)}", "unknown_kind")
    version = record.get("v", VERSION)
    if isinstance(version, int) and not isinstance(version, bool) and version != VERSION:
        return ContractRefused(f"v: this vigie reads version {VERSION} of the contracts", "unknown_version")
    try:
        INPUTS[kind].model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # A key of a free table (short_codes) is a producer's text: escaped and cut, the reason stays one line.
        field = ".".join(map(str, first["loc"])).encode("unicode_escape").decode()[:80]
        reason = first["msg"].removeprefix("Value error, ")
        return ContractRefused(f"{kind}: {field}: {reason}" if field else f"{kind}: {reason}")
    return None
