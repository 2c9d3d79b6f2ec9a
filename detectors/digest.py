"""Fixed digests: the same bytes give the same number on every machine, run and ``PYTHONHASHSEED``.

Python's own ``hash`` is salted per process and is never used for anything that leaves a function.
"""

from __future__ import annotations

from hashlib import blake2b

from xxhash import xxh3_64_intdigest


def digest64(text: str) -> int:
    """64-bit digest of a text, for set membership (two of a million texts collide with probability 3e-8).

    >>> digest64("+33612345678") == digest64("+33612345678")
    True
    """
    return xxh3_64_intdigest(text.encode())


def identifier(prefix: str, *parts: object) -> str:
    """Deterministic identifier of a fact: ``prefix-`` and 20 hex digits of a digest over ``parts``.

    >>> identifier("al", "autodial", "acme/101", 1764000000000)
    'al-6641d5e05cbc776c1ba3'
    """
    return f"{prefix}-{blake2b(chr(0).join(map(str, parts)).encode(), digest_size=10).hexdigest()}"


def keyed(salt: str, text: str) -> str:
    """Keyed hash of a number: equal numbers can be recognised by whoever holds the salt, and by nobody else."""
    return blake2b(text.encode(), key=salt.encode()[:64], digest_size=8).hexdigest()
