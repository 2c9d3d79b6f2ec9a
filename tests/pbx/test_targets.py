"""What all targets have in common: the bridge makes each by name, address and options, and nothing is sent before an order is given."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from pbx.bridge.target import Target, TargetError
from vigie.bridge import PRODUCTS, connect

ADDRESSES = {
    "kamailio": ("http://127.0.0.1:1/rpc", []),
    "asterisk": ("ami://127.0.0.1:1", ["user=vigie", "secret=s", "domain=pbx.example"]),
    "freeswitch": ("esl://127.0.0.1:1", ["secret=s", "profiles=internal,phones"]),
    "opensips": ("http://127.0.0.1:1/mi", ["location=location"]),
    "redis": ("redis://127.0.0.1:1/0", []),
    "webhook": ("http://127.0.0.1:1/vigie", ["secret=s", "state={}/told.db"]),
}
METHODS = [name for name, _ in inspect.getmembers(Target, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("product", sorted(PRODUCTS))
def test_each_product_is_made_by_address_and_options_and_can_all_a_target_can(product: str, tmp_path: Path) -> None:
    url, options = ADDRESSES[product]
    target = connect(product, url, [one.format(tmp_path) for one in options])
    assert [name for name in METHODS if not callable(getattr(target, name, None))] == []
    with pytest.raises(TargetError):
        target.drop([""])
    target.close()


def test_every_product_is_tested_and_the_orders_are_these() -> None:
    assert sorted(ADDRESSES) == sorted(PRODUCTS)
    assert {"table", "put", "drop", "end_calls", "remove_contacts", "generation", "complete", "close"} == set(METHODS)
