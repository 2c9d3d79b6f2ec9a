"""Entries for tests of targets: plain ones, and any that the contract allows."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from pbx.bridge.target import RESTRICTIONS, Entry

_NAME = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=12)
_PREFIX = st.text(string.digits, min_size=1, max_size=8).map(lambda digits: f"+{digits}")


def entry(aor: str = "alice@pbx.example", *restrictions: str, decision: str = "de-1", **fields: tuple[str, ...]) -> Entry:
    """An entry with a decision; ``outgoing`` unless said otherwise."""
    return Entry(aor=aor, decision_id=decision, customer_code="V1", restrictions=restrictions or ("outgoing",), **fields)


def many(count: int) -> list[Entry]:
    """Entries of as many AoRs, some of each kind."""
    kinds = (("outgoing",), ("international", "paid"), ("prefixes",))
    return [
        entry(f"user{n}@pbx.example", *kinds[n % 3], decision=f"de-{n}", home_prefixes=("+33", "+262"), allowed_numbers=("+33100000000",))
        for n in range(count)
    ]


def entries() -> st.SearchStrategy[Entry]:
    """Any entry that decisions can make."""
    return st.builds(
        Entry,
        aor=st.tuples(_NAME, _NAME).map("@".join),
        decision_id=_NAME,
        customer_code=_NAME,
        restrictions=st.sets(st.sampled_from(RESTRICTIONS), min_size=1).map(lambda some: tuple(one for one in RESTRICTIONS if one in some)),
        prefixes=st.lists(_PREFIX, max_size=4).map(tuple),
        home_prefixes=st.lists(_PREFIX, max_size=4).map(tuple),
        allowed_numbers=st.lists(_PREFIX, max_size=3).map(tuple),
    )


#: What must never reach a PBX as part of an order: empty, white space, line ends that begin another order.
HOSTILE = st.one_of(
    st.just(""),
    st.text(" \t", min_size=1, max_size=3),
    st.tuples(_NAME, st.sampled_from(["\r\n", "\n", "\r", " ", "\t", "\x00", "\x7f"]), st.text(max_size=8)).map("".join),
)


def changed(good: Entry, part: str, bad: str) -> Entry:
    """The entry with one part replaced, or one part of a list."""
    fields = {name: getattr(good, name) for name in good.__struct_fields__}
    fields[part] = (bad,) if isinstance(fields[part], tuple) else bad
    return Entry(**fields)
