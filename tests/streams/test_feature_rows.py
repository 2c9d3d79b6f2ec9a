"""A row of features on the wire and back."""

from __future__ import annotations

import pytest

from detectors.outputs import Features
from streams.errors import ContractRefused
from streams.feature_rows import read_features
from streams.writing import encode_output

ROW = Features(tenant="acme", licence="101", day="2026-03-02", closed_at=1_772_496_000_000, schema_hash="fs-1", values=(1.0, 0.25))


def test_a_row_is_read_as_it_was_written() -> None:
    assert read_features(encode_output(ROW)) == ROW


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", encode_output(ROW).replace(b'"v":1', b'"v":2'), encode_output(ROW).replace(b"03-02", b"13-02")]
)
def test_what_is_no_row_is_refused(value: bytes) -> None:
    with pytest.raises(ContractRefused, match=r"^features: "):
        read_features(value)
