"""What the phone controls is never a reason to refuse a record, and never free to do harm in it.

User-Agent, Contact, Call-ID, From, P-Access-Network-Info and the like are typed by whoever holds the phone, or imitates one.
A refusal would let a caller hide by naming itself badly. So they are made harmless here: at most 256 characters, no control
characters, none that reorder a line on a screen; whatever is lost is named by a 64-bit digest at the end, so two different
Call-IDs stay different, and the event carries a flag.
"""

from __future__ import annotations

import re

from detectors.digest import digest64

LONGEST = 256
#: A tilde and 16 hexadecimal digits.
_DIGEST = 17
# A fixed list, not ``str.isprintable``: that one changes with the Unicode tables of each Python, and outputs must not.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def phone_text(value: str | int | float | bool) -> tuple[str, str]:
    """The harmless text, and ``"cut"``, ``"cleaned"`` or ``""`` for what was done to it.

    A number or a boolean is text that the PBX wrote without quotes (a phone may call itself ``5``).

    >>> phone_text("Linphone/5.2")
    ('Linphone/5.2', '')
    >>> text, done = phone_text("A" * 1000)
    >>> len(text), done, text[-17:]
    (256, 'cut', '~29349b81bb7f47b5')
    >>> phone_text(5)
    ('5', 'cleaned')
    """
    text = value if isinstance(value, str) else str(value).lower()
    clean = _HARMFUL.sub("\ufffd", text)
    if len(text) <= LONGEST and clean == text:
        return text, "" if isinstance(value, str) else "cleaned"
    # ascii() writes a lone surrogate as its escape; encoding the text itself would fail on it.
    return f"{clean[: LONGEST - _DIGEST]}~{digest64(ascii(text)):016x}", "cut" if len(text) > LONGEST - _DIGEST else "cleaned"
