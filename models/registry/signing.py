"""Ed25519 keys of the people who publish models (RFC 8032): private files, the list of public ones, signatures over bytes.

``publishers.toml`` in the registry says whose signatures count. Who may write that file decides which models run: give it to the
operator, and let analysts and scorers read it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tomllib
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from models.registry.errors import KeyRefused

PUBLISHERS = "publishers.toml"
#: In front of what is signed, so that a signature of one kind of thing is none of another.
MANIFEST, MOVE = b"vigie model manifest 1\n", b"vigie model move 1\n"
_RAW = 32
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ @-]{0,63}")


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature: the raw public key and the 64 bytes, both in base64."""

    key: str
    signature: str


class Publisher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person's key; a revoked one signs nothing any more."""

    name: str
    key: str
    revoked: bool = False


class Publishers(msgspec.Struct, frozen=True):
    """The keys that count.

    Args:
        all: in the order of the file.
        where: the file, for messages.
    """

    all: tuple[Publisher, ...]
    where: str = PUBLISHERS

    def of(self, key: str) -> Publisher | None:
        """Whose key it is, revoked ones included."""
        return next((one for one in self.all if one.key == key), None)

    def signer(self, signatures: list[Signature] | tuple[Signature, ...], message: bytes, revoked: bool = False) -> Publisher | None:
        """The first publisher with a true signature under a message; with ``revoked``, one whose key was revoked since, too."""
        for one in signatures:
            publisher = self.of(one.key)
            if publisher is not None and (revoked or not publisher.revoked) and verify(one, message):
                return publisher
        return None


def verify(signature: Signature, message: bytes) -> bool:
    """Whether the signature is one of its key under these bytes."""
    try:
        public = Ed25519PublicKey.from_public_bytes(_raw(signature.key))
        public.verify(_raw(signature.signature), message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def sign(key: Ed25519PrivateKey, message: bytes) -> Signature:
    """Sign bytes; the same key and bytes give the same signature."""
    return Signature(public_key(key), base64.b64encode(key.sign(message)).decode())


def public_key(key: Ed25519PrivateKey) -> str:
    """The raw public key of a private one, in base64."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def read_publishers(registry: Path) -> Publishers:
    """``publishers.toml`` of a registry.

    Raises:
        KeyRefused: it is not there or not understood; then nobody's models are loaded.
    """
    path = registry / PUBLISHERS
    try:
        content = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise KeyRefused(f"{path}: not there; make it with: vigie models keygen NAME --registry {registry} --out FILE") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeyRefused(f"{path}: cannot be read ({_line(error)}); mend it: [[publisher]] with name and key") from None
    try:
        found = msgspec.convert(content, dict[str, list[Publisher]])
    except msgspec.ValidationError as error:
        raise KeyRefused(f"{path}: {_line(error)}; a [[publisher]] has name, key and perhaps revoked = true") from None
    if set(found) - {"publisher"}:
        raise KeyRefused(f"{path}: {sorted(set(found) - {'publisher'})[0]}: unknown; it holds [[publisher]] tables only")
    publishers = found.get("publisher", [])
    for one in publishers:
        _check(path, one)
    keys = [one.key for one in publishers]
    if len(set(keys)) != len(keys):
        twice = next(one.name for one in publishers if keys.count(one.key) > 1)
        raise KeyRefused(f"{path}: the key of {twice} stands there twice; one key is one person's")
    return Publishers(tuple(publishers), str(path))


def add_publisher(registry: Path, name: str, key: str) -> Path:
    """Append a public key to ``publishers.toml``, which is made if it is not there.

    Raises:
        KeyRefused: the name or the key is there already, or the file is not understood.
    """
    path = registry / PUBLISHERS
    _check(path, Publisher(name, key))
    if path.exists():
        for one in read_publishers(registry).all:
            if one.key == key or (one.name == name and not one.revoked):
                raise KeyRefused(f"{path}: {one.name} has a key there; revoke it first (revoked = true), or choose another name")
    block = f"[[publisher]]\nname = {json.dumps(name)}\nkey = {json.dumps(key)}\n"
    registry.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if file.tell() else "") + block)
        file.flush()
        os.fsync(file.fileno())
    return path


def make_key(path: Path) -> Ed25519PrivateKey:
    """A new private key in a file that only its owner reads.

    Raises:
        KeyRefused: the file is there (a key is never replaced), or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyRefused(f"{path}: is there already, and a key is never replaced; choose another --out") from None
    except OSError as error:
        raise KeyRefused(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return key


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key of a file that ``make_key`` wrote.

    Raises:
        KeyRefused: it is not there, others may read it, or it is no such key.
    """
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise KeyRefused(f"{path}: cannot be read ({error.strerror}); make a key with: vigie models keygen NAME") from None
    if mode & 0o077:
        raise KeyRefused(f"{path}: others may read this key; chmod 600 it, or make another one if it was seen")
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{path}: no Ed25519 key in PEM; make one with: vigie models keygen NAME")
    return key


def _check(path: Path, one: Publisher) -> None:
    if _PERSON.fullmatch(one.name) is None:
        raise KeyRefused(f"{path}: {one.name!r} is no name; letters, digits, space, @ . _ - and at most 64 of them")
    try:
        raw = _raw(one.key)
    except ValueError:
        raw = b""
    if len(raw) != _RAW:
        raise KeyRefused(f"{path}: the key of {one.name} is no raw Ed25519 public key in base64 (44 characters)")


def _raw(text: str) -> bytes:
    """Bytes of their one form in base64: its last character has spare bits, and others would spell the same signature."""
    found = base64.b64decode(text, validate=True)
    if base64.b64encode(found).decode() != text:
        raise ValueError(text)
    return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
