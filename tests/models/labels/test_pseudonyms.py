"""Pseudonyms: one for one name in one export, and no way between two exports or back."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from models.labels.errors import LabelsRefused
from models.labels.pseudonyms import Pseudonyms, master_key

KEY = b"k" * 32


def test_a_name_has_one_pseudonym_of_32_digits_within_an_export() -> None:
    names = Pseudonyms(KEY, 1_000, "training")
    assert names.of("tenant", "acme") == Pseudonyms(KEY, 1_000, "training").of("tenant", "acme")
    assert re.fullmatch("[0-9a-f]{32}", names.of("tenant", "acme"))


def test_another_instant_purpose_or_master_key_gives_other_pseudonyms() -> None:
    others = [(KEY, 1_000, "training"), (KEY, 1_001, "training"), (KEY, 1_000, "audit"), (b"l" * 32, 1_000, "training")]
    assert len({Pseudonyms(*one).of("tenant", "acme") for one in others}) == 4


def test_a_tenant_a_licence_and_a_person_of_one_name_cannot_be_told_to_be_alike() -> None:
    names = Pseudonyms(KEY, 0, "p")
    assert len({names.of(kind, "acme") for kind in ("tenant", "licence", "person", "alert")}) == 4
    assert names.of("licence", "a", "b1") != names.of("licence", "ab", "1")


def test_it_is_hmac_sha256_of_the_instant_and_the_purpose_and_then_of_the_name() -> None:
    key = hmac.new(KEY, b"1970-01-01T00:00:01.000Z\0training", hashlib.sha256).digest()
    said = hmac.new(key, b"licence\0acme\x00101", hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(KEY, 1_000, "training").of("licence", "acme", "101") == said


def test_a_key_comes_from_the_file_or_else_from_the_variable_with_or_without_a_newline(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for written in (b"f" * 40, b"f" * 40 + b"\n", b"f" * 40 + b"\r\n"):
        file.write_bytes(written)
        assert master_key(file, "v" * 40) == b"f" * 40
    assert master_key(None, "v" * 40) == b"v" * 40


def test_a_missing_or_short_key_is_refused_and_no_message_says_anything_of_it(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"s3cret" * 5)
    for file, variable, words in ((None, None, "--key FILE"), (None, "", "--key FILE"), (tmp_path / "no", None, "cannot be read"),
                                  (short, None, "fewer than 32"), (None, "s3cret" * 5, "fewer than 32")):  # fmt: skip
        with pytest.raises(LabelsRefused) as error:
            master_key(file, variable)
        assert words in str(error.value)
        assert "s3cret" not in str(error.value)
