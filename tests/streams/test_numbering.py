import phonenumbers
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType, shortnumberinfo

from detectors.events import Dest
from streams.dialled import clean
from streams.emergency import EMERGENCY_NUMBERS, emergency_code, is_emergency
from streams.number_country import country_of, range_of
from streams.numbering import CLASSES, NumberingError, NumberPlan
from streams.rates import RateTable

PLAN = NumberPlan()


def judged(dialled, e164=None, **facts):
    dest = PLAN.classify(dialled, e164, **facts)
    return dest.e164, dest.cls


# The emergency guard

separators = st.sampled_from(["", " ", ".", "-", "\u00a0", "\u202f", "(", "/"])


@st.composite
def spaced(draw, digits):
    """Digits with separators between them, as people write them."""
    out = digits[0]
    for digit in digits[1:]:
        out += draw(separators) + digit
    return draw(st.sampled_from(["", " ", "\t"])) + out + draw(st.sampled_from(["", " ", "-"]))


outside = st.one_of(st.none(), st.from_regex(r"\A[0-9]{1,2}\Z"), st.sampled_from(["0", "9", "*9"]))


def test_the_emergency_numbers_are_exactly_those_of_the_contract():
    assert set(EMERGENCY_NUMBERS) == {
        "15", "17", "18", "112", "114", "115", "119", "191", "196", "197", "116000", "116111", "116117",
    }  # fmt: skip
    assert {code for code in map(str, range(1_000_000)) if is_emergency(code)} == set(EMERGENCY_NUMBERS)


@given(st.data(), st.sampled_from(EMERGENCY_NUMBERS), st.sampled_from(["", "+33", "0033"]), outside)
def test_an_emergency_number_is_one_bare_as_e164_behind_0033_and_with_any_separators(data, code, form, prefix):
    assert emergency_code(data.draw(spaced(form + code)), outside_prefix=prefix) == code
    assert judged(form + code, outside_prefix=prefix) == (code, "emergency")


@given(st.data(), st.sampled_from(EMERGENCY_NUMBERS), st.sampled_from(["", "+33", "0033"]), st.sampled_from(["0", "9", "00", "8", "*9"]))
def test_an_emergency_number_is_one_behind_the_outside_prefix(data, code, form, prefix):
    dialled = data.draw(spaced(prefix + form + code))
    assert is_emergency(dialled, outside_prefix=prefix)
    assert judged(dialled, outside_prefix=prefix)[1] == "emergency"


@given(
    st.sampled_from(EMERGENCY_NUMBERS),
    st.sampled_from(
        [
            "sip:{}@pbx.example",
            "sips:{}@[2001:db8::1]:5061;transport=tls",
            "tel:{};phone-context=+33",
            "<sip:{}@pbx;user=phone>",
            '"Police" <sip:{}@x>',
            "#31#{}",
        ]
    ),
)
def test_an_emergency_number_is_one_inside_a_uri_or_behind_a_hide_code(code, uri):
    assert is_emergency(uri.format(code))
    assert judged(uri.format(code)) == (code, "emergency")


@pytest.mark.parametrize("urn", ["urn:service:sos", "URN:service:sos.police", "<urn:service:sos.fire>"])
def test_an_emergency_service_urn_is_an_emergency_call(urn):
    assert judged(urn) == ("112", "emergency")


@given(st.text("0123456789+", min_size=1, max_size=14))
@example("1125")
@example("1512")
@example("0112")
@example("+3315")
@example("+33150")
def test_nothing_is_an_emergency_number_but_those_exact_forms(dialled):
    forms = {prefix + code for code in EMERGENCY_NUMBERS for prefix in ("", "+33", "0033", "0")}
    assert is_emergency(dialled) == (dialled in forms)


@given(
    st.sampled_from(EMERGENCY_NUMBERS),
    st.sampled_from([33, 32, 41, 262, 590, 687]),
    st.sampled_from([None, "0", "9"]),
    st.sets(st.integers(2, 6)),
    st.dictionaries(st.from_regex(r"\A[0-9]{2,6}\Z"), st.sampled_from(["premium", "free", "+33899123456", "short_paid"])),
    st.sampled_from([None, "+33145678901", "+252612345678", "33899123456"]),
)
def test_no_tenant_fact_short_of_mapping_an_extension_takes_an_emergency_number_away(code, calling_code, prefix, lengths, codes, e164):
    dest = PLAN.classify(code, e164, calling_code=calling_code, outside_prefix=prefix, extension_lengths=tuple(lengths), short_codes=codes)
    assert (dest.e164, dest.cls, dest.rate, dest.setup) == (code, "emergency", 0, 0)


@given(st.sampled_from(EMERGENCY_NUMBERS), st.sampled_from(["internal", "2015"]))
def test_a_local_extension_of_the_same_digits_wins_only_when_the_operator_maps_it_and_only_in_its_bare_form(code, target):
    facts = {"outside_prefix": "0", "extension_lengths": (2, 3, 4, 6)}
    assert judged(code, **facts)[1] == "emergency"
    mapped = facts | {"short_codes": {code: target}}
    assert judged(code, **mapped)[1] == "internal"
    for form in ("0" + code, "+33" + code, "0033" + code, "00033" + code):
        assert judged(form, **mapped) == (code, "emergency")


def test_an_emergency_number_after_the_dial_plan_decides_too():
    assert judged("*1", "112") == ("112", "emergency")
    assert judged("2", "+33112") == ("112", "emergency")


def test_a_code_mapped_to_an_emergency_number_is_an_emergency_call():
    assert judged("9", short_codes={"9": "112"}) == ("112", "emergency")


def test_an_operator_may_add_emergency_numbers_and_has_no_way_to_remove_one():
    plan = NumberPlan(emergency=["3114", "116 006"])
    assert plan.classify("0 31 14", outside_prefix="0").cls == "emergency"
    assert plan.classify("+33116006").cls == "emergency"
    assert all(plan.classify(code).cls == "emergency" for code in EMERGENCY_NUMBERS)
    assert PLAN.classify("3114").cls == "short_free"
    for bad in ("", "1", "+33112", "help", "123456789"):
        with pytest.raises(NumberingError, match="cannot be an emergency number"):
            NumberPlan(emergency=[bad])


def test_an_operators_list_cannot_price_or_reclassify_an_emergency_number():
    plan = NumberPlan(RateTable({"116000": (9000, 9)}), {"116": "operator_risk", "+33": "operator_risk", "118": "premium"})
    assert plan.classify("116000") == Dest("116000", "emergency", 0, 0)
    with pytest.raises(NumberingError, match="'emergency' is no class for a list"):
        NumberPlan(operator_prefixes={"+33": "emergency"})


# What phonenumbers says, right and wrong: when a release changes one of these, the tables want another look


def kind(text, region="FR"):
    number = phonenumbers.parse(text, region)
    return phonenumbers.number_type(number) if phonenumbers.is_valid_number(number) else None


def test_phonenumbers_is_no_emergency_guard_for_france():
    def answer(code, region="FR"):
        return shortnumberinfo.connects_to_emergency_number(code, region)

    assert [code for code in EMERGENCY_NUMBERS if answer(code)] == ["15", "17", "18", "112"]
    assert answer("1125")
    assert not is_emergency("1125")
    assert not answer("+33112")
    assert not answer("0112")
    assert is_emergency("+33112")
    assert is_emergency("0112")
    assert {code for code in EMERGENCY_NUMBERS if answer(code, "YT")} == {"15", "112"}
    assert {code for code in EMERGENCY_NUMBERS if answer(code, "BL")} == {"18"}
    assert not any(answer("112", region) for region in ("GP", "GF", "PM", "NC", "PF", "WF", "MF"))


def test_phonenumbers_calls_free_french_short_codes_premium_and_the_plan_does_not():
    for code in ("3919", "1023", "1044"):
        assert (
            shortnumberinfo.expected_cost_for_region(phonenumbers.parse(code, "FR"), "FR") == shortnumberinfo.ShortNumberCost.PREMIUM_RATE
        )
        assert judged(code) == (code, "short_free")


def test_phonenumbers_misreads_overseas_numbers_dialled_nationally_and_the_plan_maps_them_first():
    assert [kind(n) for n in ("0590123456", "0690123456", "0262123456")] == [None, None, None]
    assert [kind(n) for n in ("0269601234", "0508431234")] == [PhoneNumberType.FIXED_LINE] * 2  # mainland numbers: wrong
    assert judged("0269601234") == ("+262269601234", "fixed")
    assert judged("0508431234") == ("+508431234", "fixed")
    assert country_of("+262269601234") == "YT"
    assert country_of("+508431234") == "PM"


def test_phonenumbers_is_right_about_these_and_the_plan_agrees():
    expected = {
        "0800123456": (PhoneNumberType.TOLL_FREE, "free"),
        "0805123456": (PhoneNumberType.TOLL_FREE, "free"),
        "0806123456": (PhoneNumberType.UAN, "fixed"),
        "0809123456": (PhoneNumberType.UAN, "fixed"),
        "0810123456": (PhoneNumberType.SHARED_COST, "shared_cost"),
        "0820123456": (PhoneNumberType.SHARED_COST, "shared_cost"),
        "0825123456": (PhoneNumberType.SHARED_COST, "shared_cost"),
        "0836123456": (PhoneNumberType.PREMIUM_RATE, "premium"),
        "0868123456": (PhoneNumberType.PREMIUM_RATE, "premium"),
        "0891123456": (PhoneNumberType.PREMIUM_RATE, "premium"),
        "0899123456": (PhoneNumberType.PREMIUM_RATE, "premium"),
        "+881612345678": (PhoneNumberType.MOBILE, "satellite"),
        "+883510012345": (PhoneNumberType.VOIP, "satellite"),
        "+979123456789": (PhoneNumberType.PREMIUM_RATE, "intl_premium"),
        "+262693123456": (PhoneNumberType.MOBILE, "mobile"),
    }
    assert {n: (kind(n), judged(n)[1]) for n in expected} == expected
    assert country_of("+262693123456") == "RE"
    assert country_of("+881612345678") == "001"
    assert (
        shortnumberinfo.expected_cost_for_region(phonenumbers.parse("118218", "FR"), "FR") == shortnumberinfo.ShortNumberCost.PREMIUM_RATE
    )
    assert judged("118218") == ("118218", "short_paid")


def test_the_low_surcharge_081_is_shared_cost_although_phonenumbers_splits_it():
    assert kind("0812345678") == PhoneNumberType.PREMIUM_RATE
    assert judged("0812345678")[1] == "shared_cost"


def test_automated_platform_ranges_are_ordinary_fixed_numbers():
    for prefix in (162, 163, 270, 271, 377, 378, 424, 425, 568, 569, 948, 949, 937, 938, 939):
        assert judged(f"0{prefix}123456") == (f"+33{prefix}123456", "fixed")


# The French plan


@pytest.mark.parametrize(
    ("dialled", "number", "cls"),
    [
        ("01 23 45 67 89", "+33123456789", "fixed"),
        ("05.12.34.56.78", "+33512345678", "fixed"),
        ("06-12-34-56-78", "+33612345678", "mobile"),
        ("07 56 78 90 12", "+33756789012", "mobile"),
        ("0970123456", "+33970123456", "fixed"),
        ("+33 (0)6 12 34 56 78", "+33612345678", "mobile"),
        ("0033612345678", "+33612345678", "mobile"),
        ("33612345678", "+33612345678", "mobile"),
        ("612345678", "+33612345678", "mobile"),
        ("3006", "3006", "short_free"),
        ("3114", "3114", "short_free"),
        ("116006", "116006", "short_free"),
        ("+33116006", "116006", "short_free"),
        ("3646", "3646", "short_paid"),
        ("+333646", "3646", "short_paid"),
        ("118777", "118777", "short_paid"),
        ("0842123456", "+33842123456", "shared_cost"),
    ],
)
def test_french_numbers_and_short_codes_have_the_class_of_the_plan(dialled, number, cls):
    assert judged(dialled) == (number, cls)


@pytest.mark.parametrize(
    ("prefix", "code", "cls"),
    [
        ("0590", 590, "fixed"),
        ("0690", 590, "mobile"),
        ("0691", 590, "mobile"),
        ("0594", 594, "fixed"),
        ("0694", 594, "mobile"),
        ("0596", 596, "fixed"),
        ("0696", 596, "mobile"),
        ("0697", 596, "mobile"),
        ("0262", 262, "fixed"),
        ("0263", 262, "fixed"),
        ("0692", 262, "mobile"),
        ("0693", 262, "mobile"),
        ("0269", 262, "fixed"),
        ("0639", 262, "mobile"),
    ],
)
def test_overseas_numbers_are_one_number_however_they_are_dialled(prefix, code, cls):
    nsn = prefix[1:] + "123456"
    expected = f"+{code}{nsn}", cls
    assert judged("0" + nsn) == judged("+33" + nsn) == judged(f"+{code}{nsn}") == judged(f"00{code}{nsn}") == expected
    assert judged(f"+{code} (0){nsn}") == expected
    assert judged("0" + nsn, calling_code=code) == expected


@pytest.mark.parametrize(
    ("dialled", "cls"),
    [
        ("+687751234", "mobile"),
        ("+687251234", "fixed"),
        ("+68987123456", "mobile"),
        ("+68940123456", "fixed"),
        ("+681721234", "fixed"),
        ("+508551234", "mobile"),
    ],
)
def test_the_pacific_and_saint_pierre_are_home_numbers(dialled, cls):
    assert judged(dialled) == (dialled, cls)


def test_a_tenant_overseas_dials_the_mainland_and_its_own_plan():
    assert judged("0612345678", calling_code=262) == ("+33612345678", "mobile")
    assert judged("0262123456", calling_code=262) == ("+262262123456", "fixed")
    assert judged("431234", calling_code=508) == ("+508431234", "fixed")
    assert judged("751234", calling_code=687) == ("+687751234", "mobile")
    assert judged("15", calling_code=687)[1] == "emergency"


@pytest.mark.parametrize(
    "dialled", ["0600", "061234567", "06123456789", "+3361234567", "12", "110110", "0000000000", "+", "+33", "00", "0"]
)
def test_what_is_no_number_is_invalid(dialled):
    assert judged(dialled)[1] == "invalid"


# Abroad


@pytest.mark.parametrize(
    ("dialled", "number", "cls"),
    [
        ("+44 7911 123456", "+447911123456", "intl_fixed_mobile"),
        ("0041 22 123 45 67", "+41221234567", "intl_fixed_mobile"),
        ("447911123456", "+447911123456", "intl_fixed_mobile"),
        ("+377 93 12 34 56", "+37793123456", "intl_fixed_mobile"),
        ("+39 06 1234 5678", "+390612345678", "intl_fixed_mobile"),
        ("+44 900 123 4567", "+449001234567", "intl_premium"),
        ("+1 900 555 1234", "+19005551234", "intl_premium"),
        ("+49 900 1234567", "+499001234567", "intl_premium"),
        ("+870 123456789", "+870123456789", "satellite"),
        ("+881 6 12345678", "+881612345678", "satellite"),
        ("+882 16 12345", "+8821612345", "satellite"),
        ("+883 5100 12345", "+883510012345", "satellite"),
        ("+979 1 23456789", "+979123456789", "intl_premium"),
        ("+800 1234 5678", "+80012345678", "free"),
    ],
)
def test_numbers_outside_the_home_zone_have_the_class_of_the_contract(dialled, number, cls):
    assert judged(dialled) == (number, cls)


def test_a_possible_number_of_an_unallocated_foreign_range_is_not_a_slip():
    number = "+221112345678"
    assert not phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert judged(number) == (number, "intl_fixed_mobile")


def test_a_tenant_of_another_country_is_at_home_there():
    assert judged("022 123 45 67", calling_code=41) == ("+41221234567", "fixed")
    assert judged("0900 123 456", calling_code=41)[1] == "premium"
    assert judged("0033612345678", calling_code=41) == ("+33612345678", "mobile")
    assert judged("01133899123456", calling_code=1) == ("+33899123456", "premium")


def test_a_calling_code_of_no_country_stops_nothing_and_only_its_national_numbers_are_invalid():
    assert judged("0612345678", calling_code=999)[1] == "invalid"
    assert judged("+33612345678", calling_code=999) == ("+33612345678", "mobile")
    assert judged("0044 7400 123456", calling_code=999) == ("+447400123456", "intl_fixed_mobile")
    assert judged("112", calling_code=999) == ("112", "emergency")
    assert judged("", short_codes={" ": "free"})[1] == "invalid"


# The tenant's dial plan


def test_extensions_are_internal_unless_they_begin_with_the_outside_prefix():
    facts = {"outside_prefix": "9", "extension_lengths": (3, 4, 5)}
    assert judged("201", **facts) == ("201", "internal")
    assert judged("3646", **facts) == ("3646", "internal")
    assert judged("93646", **facts) == ("3646", "short_paid")
    assert judged("9001", **facts) == ("9001", "internal")  # no number begins so: an extension of the 9xxx block
    assert judged("201") == ("201", "invalid")


def test_the_outside_prefix_is_taken_off_and_a_number_dialled_without_it_is_still_read():
    zero = {"outside_prefix": "0"}
    assert judged("00612345678", **zero) == ("+33612345678", "mobile")
    assert judged("000447911123456", **zero) == ("+447911123456", "intl_fixed_mobile")
    assert judged("0612345678", **zero) == ("+33612345678", "mobile")
    assert judged("0033612345678", **zero) == ("+33612345678", "mobile")
    assert judged("+33612345678", **zero) == ("+33612345678", "mobile")
    assert judged("9,0612345678", outside_prefix="9")[1] == "invalid"  # a pause ends what is dialled


def test_mapped_codes_are_a_class_or_the_number_they_stand_for():
    facts = {"short_codes": {"2": "+33 1 23 45 67 89", "888": "internal", "3646": "short_free", "7": "201"}, "extension_lengths": (3,)}
    assert judged("2", **facts) == ("+33123456789", "fixed")
    assert judged("888", **facts) == ("888", "internal")
    assert judged("3646", **facts) == ("3646", "short_free")
    assert judged("7", **facts) == ("201", "internal")


def test_feature_codes_are_internal_and_a_hide_code_is_taken_off():
    assert judged("*98") == ("*98", "internal")
    assert judged("*31#0899123456") == ("+33899123456", "premium")
    assert judged("#31#+33612345678") == ("+33612345678", "mobile")


def test_the_number_after_the_dial_plan_is_preferred_and_its_plus_may_be_missing():
    assert judged("2", "+33612345678") == ("+33612345678", "mobile")
    assert judged("201", "+33899123456", extension_lengths=(3,)) == ("+33899123456", "premium")
    assert judged("x", "252612345678") == ("+252612345678", "intl_fixed_mobile")
    assert judged("x", "33612345678") == ("+33612345678", "mobile")
    assert judged("x", "870123456789") == ("+870123456789", "satellite")
    assert judged(None, "0612345678") == ("+33612345678", "mobile")
    assert judged("0612345678", "garbage") == ("+33612345678", "mobile")
    assert judged("201", "201", extension_lengths=(3,)) == ("201", "internal")


@pytest.mark.parametrize(
    "uri",
    [
        "sip:0612345678@pbx.example",
        "SIP:+33612345678@pbx;user=phone",
        "sip:%2B33612345678:secret@192.0.2.1:5060;transport=tcp?x=y",
        "tel:+33-6-12-34-56-78;ext=2",
        "tel:0612345678;phone-context=+33",
        '"Bob" <sip:0612345678@x>',
        "0612345678@pbx",
        "０６１２３４５６７８",
    ],
)
def test_uris_separators_and_full_width_digits_name_the_same_number(uri):
    assert judged(uri) == ("+33612345678", "mobile")


@pytest.mark.parametrize(
    "dialled", [None, "", "   ", "alice", "sip:alice@pbx.example", "sip:192.0.2.1", "sip:pbx.example;lr", "anonymous", "\x00\x01"]
)
def test_what_names_no_number_is_invalid_and_costs_nothing(dialled):
    dest = PLAN.classify(dialled)
    assert (dest.cls, dest.rate, dest.setup) == ("invalid", 0, 0)


def test_an_invalid_number_keeps_what_was_dialled_cut_and_without_a_plus():
    assert judged("+99912345")[0] == "99912345"
    assert judged("9" * 500)[0] == "9" * 24


def test_sms_codes_exist_for_text_messages_only():
    assert judged("71234", media="text") == ("71234", "short_paid")
    assert judged("36180", media="text") == ("36180", "short_free")
    assert judged("71234") == ("71234", "invalid")
    assert judged("0612345678", media="text") == ("+33612345678", "mobile")


# The operator's list


def test_operator_risk_comes_from_the_operators_list_alone_and_its_longest_prefix_wins():
    plan = NumberPlan(
        operator_prefixes={"+252": "operator_risk", "+25261": "intl_fixed_mobile", "3646": "short_free", "0899": "shared_cost"}
    )
    assert plan.classify("+252901234567").cls == "operator_risk"
    assert plan.classify("+252901234567").rate == 200_000
    assert plan.classify("+252612345678").cls == "intl_fixed_mobile"
    assert plan.classify("3646").cls == "short_free"
    assert plan.classify("0899123456").cls == "shared_cost"
    assert plan.classify("3646", extension_lengths=(4,)).cls == "internal"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"Somalia": "operator_risk"}, "is no prefix"),
        ({"252": "operator_risk"}, r"write \+252"),
        ({"+252": "risky"}, "'risky' is no class"),
        ({"+33": "internal"}, "'internal' is no class"),
    ],
)
def test_a_bad_list_is_refused(entry, message):
    with pytest.raises(NumberingError, match=message):
        NumberPlan(operator_prefixes=entry)


# Properties

facts = st.fixed_dictionaries(
    {},
    optional={
        "calling_code": st.sampled_from([33, 32, 41, 1, 262, 508, 687, 999]),
        "outside_prefix": st.sampled_from([None, "0", "9"]),
        "extension_lengths": st.sampled_from([(), (3,), (2, 3, 4)]),
        "short_codes": st.sampled_from([{}, {"15": "internal", "2": "+33123456789"}]),
        "media": st.sampled_from(["audio", "text", "fax"]),
    },
)
strings = st.one_of(
    st.none(), st.text(max_size=40), st.text("0123456789+*#", max_size=20), st.from_regex(r"\A(sip:|tel:)?\+?[0-9 .-]{3,18}(@x)?\Z")
)


@given(strings, strings, facts)
def test_any_string_gets_a_class_of_the_contract_and_a_price_in_integers(dialled, e164, tenant):
    dest = PLAN.classify(dialled, e164, **tenant)
    assert dest.cls in CLASSES
    assert type(dest.rate) is int
    assert type(dest.setup) is int
    assert len(dest.e164) <= 24
    if dest.e164.startswith("+"):
        assert dest.e164[1:].isdecimal()
        assert dest.cls not in {"invalid", "internal", "emergency", "short_free", "short_paid"}


@given(strings, strings, facts)
def test_an_answer_is_the_same_from_a_fresh_plan_and_the_same_object_from_the_cache(dialled, e164, tenant):
    first = PLAN.classify(dialled, e164, **tenant)
    assert PLAN.classify(dialled, e164, **tenant) is first
    assert NumberPlan().classify(dialled, e164, **tenant) == first


@example("+310000000")
@given(st.from_regex(r"\A\+[1-9][0-9]{6,13}\Z"))
def test_a_normalised_number_is_normalised_already(number):
    once = PLAN.classify(number)
    assume(once.e164.startswith("+"))
    assert PLAN.classify(once.e164) == once
    assert PLAN.classify("00" + once.e164[1:]) == once
    assert PLAN.classify(None, once.e164) == once
    assert once.e164.startswith(range_of(once.e164))


@given(st.from_regex(r"\A0[1-9][0-9]{8}\Z"))
def test_national_dialling_and_e164_name_the_same_destination(number):
    assert judged(number) == judged("+33" + number[1:]) or judged(number)[1] == "invalid"


@given(st.text(max_size=300))
def test_cleaning_is_idempotent_on_what_is_a_number(text):
    once = clean(text)
    if once and set(once) <= set("+0123456789"):
        assert clean(once) == once


def test_the_cache_is_bounded_and_forgetting_changes_nothing():
    small = NumberPlan(cache_size=8)
    numbers = [f"06{n:08d}" for n in range(100)]
    before = [small.classify(number) for number in numbers]
    assert len(small._cache) <= 8
    assert before == [small.classify(number) for number in numbers]
    small.classify("9" * 100)
    assert all(len(key[1]) <= 64 for key in small._cache)


def test_tenants_with_the_same_facts_share_one_way_of_dialling():
    one = PLAN.dialling(outside_prefix="0", short_codes={"2": "internal", "3": "free"})
    assert PLAN.dialling(outside_prefix="0", short_codes={"3": "free", "2": "internal"}) is one
    assert PLAN.dialling(outside_prefix="9") is not one


def test_countries_and_ranges_of_numbers():
    assert [country_of(n) for n in ("+33612345678", "+590690123456", "+12125550123", "+447400123456", "112", "", "+999")] == [
        "FR", "GP", "US", "GB", "", "", "",
    ]  # fmt: skip
    assert [range_of(n) for n in ("+33612345678", "+12125550123", "+252612345678", "+881612345678", "118218", "")] == [
        "+33612", "+1212", "+252612", "+881612", "118218", "",
    ]  # fmt: skip
