"""Inputs are bound to dialects, and whatever a dialect makes is held to the contracts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.errors import ContractError
from detectors.events import Registration
from streams.sources import Dialect

KAMAILIO = {"edge": {"format": "kamailio", "pbx": "k-1", "domain": "pbx.example"}}


def register(**fields: Any) -> bytes:
    record = {"event": "register", "ts": "1795466411.439840", "aor": "carol@pbx.example", "contact": "<sip:carol@127.0.0.1:5077>", **fields}
    return json.dumps(record).encode()


def test_what_a_phone_wrote_is_cut_and_flagged_whichever_dialect_it_came_by() -> None:
    (event,) = Dialect("edge", KAMAILIO, lambda aor: True).adapted(register(user_agent="x" * 5_000))
    assert isinstance(event, Registration)
    assert event.user_agent is not None
    assert len(event.user_agent) < 300
    assert event.flags == ("user_agent_cut",)


def test_a_record_that_breaks_the_contracts_after_its_dialect_is_refused() -> None:
    with pytest.raises(ContractError):
        Dialect("edge", KAMAILIO, lambda aor: True).adapted(register(ts="1.5"))
