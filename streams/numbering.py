"""Called numbers: from what was dialled to an E.164 number, a class and a price.

Order of checks: emergency table, the tenant's own dial plan (mapped codes, extensions), French short codes, overseas mapping,
French prefixes, phonenumbers. The first four know what phonenumbers gets wrong about France (``streams.french_plan``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from detectors.events import Dest
from streams.dialled import clean, is_digits, prefix_key
from streams.emergency import FRENCH_CODES, added_numbers, emergency_code
from streams.errors import UsageError
from streams.french_plan import HOME_CODES, NINE_DIGIT_CODES, national_class, overseas, short_code_class
from streams.rates import RateTable

#: Contracts, "Inputs": the classes a destination may have.
CLASSES = frozenset(
    {
        "emergency", "internal", "short_free", "short_paid", "free", "fixed", "mobile", "shared_cost", "premium", "satellite",
        "intl_fixed_mobile", "intl_premium", "operator_risk", "invalid",
    }
)  # fmt: skip
#: Classes that only the numbering itself can give; an operator's list that said so would hide calls or open the guard.
RESERVED = frozenset({"emergency", "internal", "invalid"})
#: Networks with a code of their own (contracts): phonenumbers calls +881 mobile and +870 invalid.
SATELLITE_CODES = ("870", "881", "882", "883")
#: A string over 64 characters is no number; kept out of the cache, or a dialler of random strings would fill it.
MAX_CACHED_TEXT = 64
#: Digits that an invalid number keeps, enough to recognise it in an alert.
MAX_INVALID = 24

_HOME_TYPES: Mapping[int, str] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.PAGER: "mobile",
    PhoneNumberType.TOLL_FREE: "free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared_cost",
}  # fmt: skip


class NumberingError(UsageError):
    """An operator's list of prefixes or emergency numbers is not usable. The message names the entry and what was expected."""


class NumberPlan:
    """What is the same for all tenants: prices, the operator's list of prefixes, added emergency numbers.

    Args:
        rates: the operator's prices.
        operator_prefixes: prefix → class (the only source of ``operator_risk``); the longest prefix wins. An emergency or
            internal call is never touched by it.
        emergency: numbers the operator adds to the emergency table; nothing can be removed from it.
        cache_size: numbers remembered over all tenants; the oldest eighth is dropped when it is full.

    Raises:
        NumberingError: a prefix, a class or an emergency number is not one.

    >>> plan = NumberPlan()
    >>> plan.classify("06 12 34 56 78")
    Dest(e164='+33612345678', cls='mobile', rate=5000, setup=0)
    >>> plan.classify("0 3646", outside_prefix="0").cls, plan.classify("00 44 7911 123456").cls
    ('short_paid', 'intl_fixed_mobile')
    """

    def __init__(
        self,
        rates: RateTable | None = None,
        operator_prefixes: Mapping[str, str] | None = None,
        emergency: Iterable[str] = (),
        cache_size: int = 200_000,
    ) -> None:
        self.rates = rates or RateTable()
        try:
            self.emergency = added_numbers(emergency)
            self._listed = {prefix_key(prefix): cls for prefix, cls in (operator_prefixes or {}).items()}
        except ValueError as error:
            raise NumberingError(str(error)) from None
        for prefix, cls in self._listed.items():
            if cls not in CLASSES - RESERVED:
                raise NumberingError(f"prefix {prefix}: {cls!r} is no class for a list; use one of {', '.join(sorted(CLASSES - RESERVED))}")
        self._longest = max(map(len, self._listed), default=0)
        self._cache: dict[tuple[int, str | None, str | None, bool], Dest] = {}
        self._cache_size = cache_size
        self._dialling: dict[tuple[object, ...], Dialling] = {}

    def dialling(
        self,
        *,
        calling_code: int = 33,
        outside_prefix: str | None = None,
        extension_lengths: Collection[int] = (),
        short_codes: Mapping[str, str] | None = None,
    ) -> Dialling:
        """A tenant's way of dialling; tenants with the same facts share one (arguments: the fields of a tenant fact).

        Args:
            calling_code: country of its national numbers.
            outside_prefix: digits dialled for an outside line.
            extension_lengths: lengths of its extensions.
            short_codes: code as dialled → ``internal`` or another class, or the number it stands for.
        """
        codes = tuple(sorted(short_codes.items())) if short_codes else ()
        facts = calling_code, outside_prefix, tuple(extension_lengths), codes
        found = self._dialling.get(facts)
        if found is None:
            found = self._dialling[facts] = Dialling(self, len(self._dialling), *facts)
        return found

    def classify(
        self,
        dialled: str | None,
        e164: str | None = None,
        *,
        calling_code: int = 33,
        outside_prefix: str | None = None,
        extension_lengths: Collection[int] = (),
        short_codes: Mapping[str, str] | None = None,
        media: str = "audio",
    ) -> Dest:
        """``dialling(...).classify(...)`` in one call; keep the ``Dialling`` of a tenant where many of its calls are classified."""
        profile = self.dialling(
            calling_code=calling_code, outside_prefix=outside_prefix, extension_lengths=extension_lengths, short_codes=short_codes
        )
        return profile.classify(dialled, e164, media)

    @property
    def listed(self) -> dict[str, str]:
        """The operator's list: canonical prefix → class."""
        return dict(self._listed)

    def priced(self, number: str, cls: str) -> Dest:
        """The stamp of a number of a known class, after the operator's list and prices."""
        if cls not in RESERVED:
            for length in range(min(self._longest, len(number)), 0, -1):
                listed = self._listed.get(number[:length])
                if listed is not None:
                    cls = listed
                    break
        rate, setup = self.rates.price(number, cls)
        return Dest(number, cls, rate, setup)

    def remember(self, key: tuple[int, str | None, str | None, bool], dest: Dest) -> None:
        """Keep an answer in the bounded cache."""
        cache = self._cache
        if len(cache) >= self._cache_size:
            for old in list(islice(cache, max(1, self._cache_size // 8))):
                del cache[old]
        cache[key] = dest


class Dialling:
    """A tenant's way of dialling, made by ``NumberPlan.dialling``."""

    __slots__ = ("_cached", "_calling_code", "_codes", "_index", "_lengths", "_mapped_extensions", "_outside", "_plan", "_region")

    def __init__(
        self,
        plan: NumberPlan,
        index: int,
        calling_code: int,
        outside_prefix: str | None,
        extension_lengths: Collection[int],
        short_codes: Iterable[tuple[str, str]],
    ) -> None:
        self._plan = plan
        self._index = index
        self._cached = plan._cache.get
        self._calling_code = calling_code
        self._outside = clean(outside_prefix)
        self._lengths = frozenset(extension_lengths)
        self._codes = {clean(code): target for code, target in short_codes if clean(code)}
        # A code of no country ("ZZ") must not stop the stream: national numbers of that tenant are then invalid, all others are not.
        self._region = phonenumbers.region_code_for_country_code(calling_code)
        self._mapped_extensions = frozenset(code for code in self._codes if self._mapped(code)[1] == "internal")

    def classify(self, dialled: str | None, e164: str | None = None, media: str = "audio") -> Dest:
        """Classify a called number; the same input gives the same object while it is remembered.

        Args:
            dialled: as dialled; SIP and tel URIs and separators are accepted.
            e164: after the PBX's dial plan, preferred; an emergency number in either of the two decides.
            media: ``text`` for messages, which know five-digit SMS codes.

        Returns:
            ``e164`` with its ``+``, or the digits of a short code, an extension or an invalid number (cut).
        """
        key = self._index, dialled, e164, media == "text"
        dest = self._cached(key)
        if dest is None:
            number, cls = self._judge(clean(dialled), clean(e164), media == "text")
            dest = self._plan.priced(number, cls)
            if len(dialled or "") <= MAX_CACHED_TEXT and len(e164 or "") <= MAX_CACHED_TEXT:
                self._plan.remember(key, dest)
        return dest

    def _judge(self, dialled: str, e164: str, text: bool) -> tuple[str, str]:
        code = self._emergency(dialled) or self._emergency(e164)
        if code:
            return code, "emergency"
        if e164 and e164 != dialled:
            # The PBX has applied its dial plan: no outside prefix and no extensions any more.
            number, cls = self._normalised(e164, text)
            if cls != "invalid" or not dialled:
                return number, cls
        return self._as_dialled(dialled, text)

    def _normalised(self, e164: str, text: bool) -> tuple[str, str]:
        """A number after the PBX's dial plan: E.164, whose plus some PBXs leave out."""
        if len(e164) < 7 or e164[0] in "+0" or not is_digits(e164):
            return self._public(e164, text)
        if self._parsed("+" + e164, strict=True)[1] != "invalid":
            return self._international(e164, text)
        number, cls = self._public(e164, text)
        return (number, cls) if cls != "invalid" else self._international(e164, text)

    def _emergency(self, digits: str) -> str:
        return emergency_code(
            digits,
            calling_code=self._calling_code,
            outside_prefix=self._outside,
            added=self._plan.emergency,
            extensions=self._mapped_extensions,
        )

    def _as_dialled(self, dialled: str, text: bool) -> tuple[str, str]:
        if dialled in self._codes:
            return self._mapped(dialled)
        if dialled[:1] in ("*", "#"):
            return dialled[:MAX_INVALID], "internal"  # a feature code (voicemail, forwarding): the PBX answers it itself
        behind = bool(self._outside) and dialled.startswith(self._outside)
        if not behind and len(dialled) in self._lengths and dialled.isdecimal():
            return dialled, "internal"
        if behind:
            number, cls = self._public(dialled[len(self._outside) :], text)
            if cls != "invalid":
                return number, cls
        # With outside prefix 0, 0033… without it is still understood by most dial plans.
        number, cls = self._public(dialled, text)
        if cls == "invalid" and len(dialled) in self._lengths and dialled.isdecimal():
            return dialled, "internal"  # extensions that begin with the digits of the outside prefix
        return number, cls

    def _mapped(self, code: str) -> tuple[str, str]:
        target = self._codes[code]
        if target in CLASSES - RESERVED or target == "internal":
            return code, target
        digits = clean(target)
        emergency = emergency_code(digits, calling_code=self._calling_code, outside_prefix=self._outside, added=self._plan.emergency)
        if emergency:
            return emergency, "emergency"
        if len(digits) in self._lengths and digits.isdecimal():
            return digits, "internal"
        return self._public(digits, False)

    def _public(self, digits: str, text: bool) -> tuple[str, str]:
        """A number dialled to the public network from the tenant's country."""
        if not is_digits(digits):
            return _invalid(digits)
        if digits[0] == "+":
            return self._international(digits[1:], text)
        if digits.startswith("00"):
            return self._international(digits[2:], text)
        if self._calling_code in FRENCH_CODES:
            short = short_code_class(digits, text=text)
            if short:
                return digits, short
            nsn = digits[1:] if digits[0] == "0" else digits
            if len(nsn) == 9 and nsn[0] != "0":
                return self._national(33, nsn)
            if digits[0] == "0":
                return _invalid(digits)
        number, cls = self._parsed(digits, strict=True)
        if cls == "invalid" and len(digits) > 9:
            number, cls = self._parsed("+" + digits, strict=True)  # a Request-URI often carries E.164 without its plus
        return self._international(number[1:], text) if cls != "invalid" else _invalid(digits)

    def _international(self, digits: str, text: bool) -> tuple[str, str]:
        """Digits that begin with a country code."""
        if not 4 <= len(digits) <= 15:
            return _invalid(digits)
        if digits.startswith("33"):
            rest = digits[2:].removeprefix("0")  # +33 (0)6… is written, and dialled, by people
            short = short_code_class(digits[2:], text=text)
            if short:
                return digits[2:], short
            return self._national(33, rest) if len(rest) == 9 and rest[0] != "0" else _invalid(digits)
        if digits.startswith(SATELLITE_CODES):
            return "+" + digits, "satellite"
        if digits.startswith("979"):
            return "+" + digits, "intl_premium"
        if digits.startswith("800"):
            return "+" + digits, "free"
        code = int(digits[:3])
        if code in NINE_DIGIT_CODES:
            rest = digits[3:].removeprefix("0")
            return self._national(code, rest) if len(rest) == 9 and rest[0] != "0" else _invalid(digits)
        return self._parsed("+" + digits, strict=False)

    def _national(self, code: int, nsn: str) -> tuple[str, str]:
        """Nine digits of the French plan."""
        if code == 33:
            code, nsn = overseas(nsn)
            if code == 508 and len(nsn) == 6:
                return self._parsed(f"+508{nsn}", strict=False)
        cls = national_class(nsn)
        return (f"+{code}{nsn}", cls) if cls else self._parsed(f"+{code}{nsn}", strict=True)

    def _parsed(self, text: str, *, strict: bool) -> tuple[str, str]:
        """What phonenumbers says; ``strict`` refuses numbers that match no allocated pattern.

        A foreign number that is merely possible keeps its class: fraud likes unallocated ranges, they must not look like slips.
        """
        try:
            number = phonenumbers.parse(text, self._region)
        except NumberParseException:
            return _invalid(text)
        kind = phonenumbers.number_type(number)
        if kind == PhoneNumberType.UNKNOWN and (strict or not phonenumbers.is_possible_number(number)):
            return _invalid(text)
        if number.country_code in HOME_CODES or number.country_code == self._calling_code:
            cls = _HOME_TYPES.get(kind, "fixed")
        else:
            cls = "intl_premium" if kind == PhoneNumberType.PREMIUM_RATE else "intl_fixed_mobile"
        if kind == PhoneNumberType.UNKNOWN and text[:1] == "+":
            # Nothing is known of its plan, so no digit of it is a trunk prefix to be dropped: +31 0 000… would lose one at each look.
            return text, cls
        return phonenumbers.format_number(number, PhoneNumberFormat.E164), cls


def _invalid(digits: str) -> tuple[str, str]:
    return digits.lstrip("+")[:MAX_INVALID], "invalid"
