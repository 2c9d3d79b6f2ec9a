"""Keys are files of one person each; the list of publishers is understood whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.registry import signing
from models.registry.errors import KeyRefused
from support.registry import ANA, BOB


def test_a_key_is_a_file_that_only_its_owner_reads_and_comes_back(tmp_path: Path) -> None:
    key = signing.make_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert signing.public_key(signing.read_key(tmp_path / "key.pem")) == signing.public_key(key)


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    signing.make_key(tmp_path / "key.pem")
    with pytest.raises(KeyRefused, match="never replaced"):
        signing.make_key(tmp_path / "key.pem")
    with pytest.raises(KeyRefused, match="cannot be written"):
        signing.make_key(tmp_path / "no" / "key.pem")


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    signing.make_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(KeyRefused, match="others may read"):
        signing.read_key(tmp_path / "key.pem")


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match="cannot be read"):
        signing.read_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").write_text("no key")
    (tmp_path / "key.pem").chmod(0o600)
    with pytest.raises(KeyRefused, match="no Ed25519 key"):
        signing.read_key(tmp_path / "key.pem")


def test_publishers_are_added_one_after_the_other(tmp_path: Path) -> None:
    for name, key in (("ana", ANA), ("bob", BOB)):
        signing.add_publisher(tmp_path, name, signing.public_key(key))
    assert [one.name for one in signing.read_publishers(tmp_path).all] == ["ana", "bob"]
    for name, key in (("ana", "A" * 43 + "="), ("carol", signing.public_key(ANA))):
        with pytest.raises(KeyRefused, match="has a key there"):
            signing.add_publisher(tmp_path, name, key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", None),
        ("[[publisher", "cannot be read"),
        ('[publisher]\nname = "x"', "publisher"),
        ('[[publisher]]\nname = "x"', "key"),
        ('[[publisher]]\nname = "x"\nkey = "short"', "no raw Ed25519 public key"),
        (f'[[publisher]]\nname = "[red]x"\nkey = "{signing.public_key(ANA)}"', "is no name"),
        (f'[[publisher]]\nname = "x"\nkey = "{signing.public_key(ANA)}"\nadmin = true', "admin"),
        (f'[[publisher]]\nname = "x"\nkey = "{signing.public_key(ANA)}"\n' * 2, "twice"),
        (f'[[other]]\nname = "x"\nkey = "{signing.public_key(ANA)}"\n', "unknown"),
    ],
)
def test_the_list_is_understood_whole_or_refused(tmp_path: Path, text: str, words: str | None) -> None:
    (tmp_path / "publishers.toml").write_text(text)
    if words is None:
        assert signing.read_publishers(tmp_path).all == ()
        return
    with pytest.raises(KeyRefused, match=words) as refused:
        signing.read_publishers(tmp_path)
    assert "\n" not in str(refused.value)


def test_without_a_list_nobody_counts(tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match="vigie models keygen"):
        signing.read_publishers(tmp_path)


def test_a_signature_has_one_spelling() -> None:
    signature = signing.sign(ANA, b"x")
    assert signing.verify(signature, b"x")
    assert not signing.verify(signature, b"y")
    text = signature.signature
    # The last character before the padding has four spare bits.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = text[:-3] + alphabet[alphabet.index(text[-3]) ^ 1] + "=="
    assert not signing.verify(signing.Signature(signature.key, other), b"x")
    assert not signing.verify(signing.Signature("é", text), b"x")
