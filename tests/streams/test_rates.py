import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.numbering import CLASSES, NumberPlan
from streams.rates import DEFAULT_CENTS, RateError, RateTable

HEADER = "prefix,per_minute_cents,setup_cents\n"


def table(tmp_path, rows):
    path = tmp_path / "tariff.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return RateTable.from_csv(path)


def test_default_prices_are_those_of_the_contract_in_thousandths_of_a_cent():
    prices = RateTable()
    assert prices.source == "ours"
    expected = {
        "fixed": 1, "mobile": 5, "shared_cost": 15, "intl_fixed_mobile": 30, "premium": 80, "short_paid": 80, "satellite": 500,
        "intl_premium": 200, "operator_risk": 200, "emergency": 0, "internal": 0, "short_free": 0, "free": 0, "invalid": 0,
    }  # fmt: skip
    assert set(expected) == CLASSES
    assert {cls: prices.price("", cls) for cls in expected} == {cls: (cents * 1000, 0) for cls, cents in expected.items()}


def test_the_longest_prefix_wins_and_a_class_default_fills_the_rest(tmp_path):
    prices = table(tmp_path, "+33,0.9,0\n+336,4.5,10\n+33612,7,\n+4479,2.5,0.001\n")
    assert len(prices) == 4
    assert prices.price("+33123456789", "fixed") == (900, 0)
    assert prices.price("+33698765432", "mobile") == (4500, 10_000)
    assert prices.price("+33612345678", "mobile") == (7000, 0)
    assert prices.price("+447911123456", "intl_fixed_mobile") == (2500, 1)
    assert prices.price("+41221234567", "intl_fixed_mobile") == (30_000, 0)


def test_prefixes_may_be_written_as_dialled_in_france_and_short_codes_as_they_are(tmp_path):
    prices = table(tmp_path, "0899,80,100\n0041,9,0\n3646,6,0\n118,300,0\n")
    assert prices.price("+33899123456", "premium") == (80_000, 100_000)
    assert prices.price("+41221234567", "intl_fixed_mobile") == (9000, 0)
    assert prices.price("3646", "short_paid") == (6000, 0)
    assert prices.price("118218", "short_paid") == (300_000, 0)
    assert prices.price("+36461234567", "intl_fixed_mobile") == (30_000, 0)  # Hungary is not the short code 3646


def test_an_emergency_or_internal_call_costs_nothing_whatever_the_table_says(tmp_path):
    prices = table(tmp_path, "1023,5,0\n+33,5,5\n116,7,0\n")
    assert prices.price("116000", "emergency") == (0, 0)
    assert prices.price("1023", "internal") == (0, 0)


def test_a_spreadsheet_byte_order_mark_and_blank_lines_are_read(tmp_path):
    path = tmp_path / "tariff.csv"
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + b"+33,1,0\r\n\r\n,,\r\n")
    assert RateTable.from_csv(path).price("+33123456789", "fixed") == (1000, 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("+33,1,0\n+44,one,0\n", r"tariff\.csv:3: per_minute_cents 'one' is not a number of cents"),
        ("+33,1,0\n+44,NaN,0\n", r"tariff\.csv:3: per_minute_cents 'NaN' must be between 0 and"),
        ("+33,-1,0\n", r"tariff\.csv:2: per_minute_cents '-1' must be between"),
        ("+33,1e9,0\n", r"tariff\.csv:2: per_minute_cents '1e9' must be between"),
        ("+33,1,x\n", r"tariff\.csv:2: setup_cents 'x' is not a number"),
        ("+33,1\n", r"tariff\.csv:2: expected 3 columns, found 2"),
        ("+33,1,5,0\n", r"tariff\.csv:2: expected 3 columns, found 4"),
        ("33,1,0\n", r"tariff\.csv:2: '33' could be a short code or a country: write \+33"),
        ("France,1,0\n", r"tariff\.csv:2: 'France' is no prefix"),
        ("+33,1,0\n+44,1,0\n0033,2,0\n", r"tariff\.csv:4: prefix \+33 is already priced on line 2"),
    ],
)
def test_a_bad_row_is_refused_with_its_file_and_line(tmp_path, rows, message):
    with pytest.raises(RateError, match=message):
        table(tmp_path, rows)


def test_a_table_without_its_header_or_its_file_is_refused(tmp_path):
    path = tmp_path / "tariff.csv"
    path.write_text("+33,1,0\n")
    with pytest.raises(RateError, match=r"tariff\.csv:1: the header must be prefix,per_minute_cents,setup_cents"):
        RateTable.from_csv(path)
    path.write_bytes("préfixe".encode("latin-1"))
    with pytest.raises(RateError, match="cannot be read as a rate table in UTF-8"):
        RateTable.from_csv(path)
    with pytest.raises(RateError, match=r"absent\.csv"):
        RateTable.from_csv(tmp_path / "absent.csv")


def test_a_price_reaches_the_stamp_of_a_call(tmp_path):
    plan = NumberPlan(table(tmp_path, "+336,4.5,10\n"))
    dest = plan.classify("06 12 34 56 78")
    assert (dest.cls, dest.rate, dest.setup) == ("mobile", 4500, 10_000)


@given(
    entries=st.dictionaries(st.from_regex(r"\A\+[1-9][0-9]{0,6}\Z"), st.tuples(st.integers(0, 9999), st.integers(0, 99)), max_size=20),
    number=st.from_regex(r"\A\+[1-9][0-9]{6,12}\Z"),
)
def test_the_price_is_that_of_the_longest_prefix_a_search_finds(entries, number):
    matching = [prefix for prefix in entries if number.startswith(prefix)]
    expected = entries[max(matching, key=len)] if matching else (DEFAULT_CENTS["mobile"] * 1000, 0)
    assert RateTable(entries).price(number, "mobile") == expected
