"""Names as pseudonyms: equal within one export, of no use beside another one.

The key of an export is HMAC-SHA256 of its ``as_of`` and purpose under a master key that stays with whoever exports; a name's pseudonym is
HMAC-SHA256 of it under that key. Without the master key a pseudonym cannot be computed from a name; with another instant or purpose
the same name has another one.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from models.labels.errors import LabelsRefused
from streams.times import format_time

#: Where the master key is looked for when no file is given.
VARIABLE = "VIGIE_LABELS_KEY"
#: As many as the digest has (RFC 2104 §3).
LEAST_BYTES = 32
HEX = 32


class Pseudonyms:
    """Pseudonyms of one export.

    Args:
        master: the master key; it is not kept.
        as_of: the instant of the export, in milliseconds.
        purpose: what it is for.
    """

    def __init__(self, master: bytes, as_of: int, purpose: str) -> None:
        self._key = hmac.digest(master, f"{format_time(as_of)}\0{purpose}".encode(), "sha256")

    def of(self, kind: str, *parts: str) -> str:
        """The pseudonym of a name: 32 hexadecimal digits.

        >>> names = Pseudonyms(bytes(32), 0, "doctest")
        >>> names.of("tenant", "acme") == names.of("licence", "acme"), len(names.of("tenant", "acme"))
        (False, 32)
        """
        return hmac.digest(self._key, "\0".join((kind, *parts)).encode(), "sha256").hex()[:HEX]


def master_key(file: Path | None, variable: str | None) -> bytes:
    """The master key, from a file or else from the value of the environment variable.

    Raises:
        LabelsRefused: there is none, or it is too short. No message says anything of it.
    """
    if file is not None:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise LabelsRefused(
                f"{file}: cannot be read ({error.strerror}); give a file of {LEAST_BYTES} bytes or more with --key"
            ) from None
        where = str(file)
    elif variable:
        data, where = variable.encode(), VARIABLE
    else:
        make = "openssl rand -hex 32 > FILE"
        raise LabelsRefused(f"names need a master key: give one with --key FILE or in {VARIABLE}; make it once with {make}")
    # An editor's or a shell's newline would make the same key in a file and in a variable two.
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if len(data) < LEAST_BYTES:
        raise LabelsRefused(f"{where}: holds fewer than {LEAST_BYTES} bytes; make a key with openssl rand -hex 32")
    return data
