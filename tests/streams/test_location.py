import ipaddress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Loc
from streams.location import LocationError, Locator, NetworkLists, country_in, open_country_db
from support.geo import build_country_db, build_mmdb

NETWORKS = {
    "2.0.0.0/16": "FR",
    "102.35.0.0/16": "RE",
    "5.10.0.0/16": "CH",
    "5.20.0.0/16": "ZZ",
    "5.21.0.0/16": "EU",
    "5.22.0.0/16": "None",
    "5.23.0.0/16": "",
    "2a01:e00::/26": "FR",
    "2a02:1200::/27": "CH",
}


@pytest.fixture(params=["maxmind", "dbip"])
def locator(request, tmp_path):
    with Locator.open(build_country_db(tmp_path / "one.mmdb", NETWORKS, request.param)) as opened:
        yield opened


def test_an_address_that_only_a_country_database_knows_is_access(locator):
    assert locator.locate("2.0.7.9") == Loc("FR", "access", "2026-03-01", False, "2.0.7.0/24")
    assert locator.locate("2a02:1205:5000:1::9") == Loc("CH", "access", "2026-03-01", False, "2a02:1205:5000::/48")


def test_an_ipv4_mapped_address_is_located_as_the_ipv4_address_it_carries(locator):
    assert locator.locate("::ffff:2.0.7.9") == locator.locate("2.0.7.9")


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.168.0.1", "100.64.0.9", "169.254.1.1", "127.0.0.1", "::1", "fe80::1%eth0", "fd00::7", "::ffff:10.1.2.3"]
)
def test_an_address_outside_the_global_internet_is_private_not_unknown(locator, address):
    found = locator.locate(address)
    assert (found.country, found.cls) == ("", "private")


@pytest.mark.parametrize("address", ["5.20.1.1", "5.21.1.1", "5.22.1.1", "5.23.1.1", "8.8.8.8", "2606:4700::1"])
def test_what_databases_write_for_no_country_is_unknown_and_never_a_country(locator, address):
    found = locator.locate(address)
    assert (found.country, found.cls) == ("", "unknown")


@pytest.mark.parametrize("text", ["unknown", "1.2.3", "2.0.7.9:5060", "300.1.1.1", "sip:2.0.7.9", " ", "x" * 10_000])
def test_a_string_that_is_no_address_is_unknown(locator, text):
    assert locator.locate(text) == Loc()


def test_an_absent_address_has_no_location(locator):
    assert locator.locate(None) is None
    assert locator.locate("") is None


def test_brackets_around_an_ipv6_address_are_ignored(locator):
    assert locator.locate("[2a01:e0a:1::9]").country == "FR"


def test_the_country_where_a_network_is_registered_does_not_count(tmp_path):
    path = build_mmdb(tmp_path / "db.mmdb", {"2.0.0.0/16": {"registered_country": {"iso_code": "FR"}}})
    with Locator.open(path) as opened:
        assert opened.locate("2.0.0.1").cls == "unknown"


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "FR"}, "registered_country": {"iso_code": "US"}}, "FR"),
        ({"country_code": "GP"}, "GP"),
        ({"country_code": "FR", "country": "France"}, "FR"),
        ({"country": "FR"}, "FR"),
        ({"country": "France"}, ""),
        ({"country_code": "fr"}, ""),
        ({"country": {"names": {"en": "France"}}}, ""),
        ({"autonomous_system_number": 3215}, ""),
        (None, ""),
        ("FR", ""),
        ({"country_code": 33}, ""),
        ({"country_code": "XK"}, "XK"),
    ],
)
def test_record_layouts_of_maxmind_dbip_and_ipinfo_are_read(record, country):
    assert country_in(record) == country


def test_an_ipv6_address_is_unknown_to_a_database_of_ipv4_addresses(tmp_path):
    path = build_mmdb(tmp_path / "v4.mmdb", {"2.0.0.0/16": {"country_code": "FR"}}, ip_version=4)
    with Locator.open(path) as opened:
        assert opened.locate("2.0.0.1").country == "FR"
        assert opened.locate("2a01:e0a:1::9") == Loc("", "unknown", "2026-03-01", False, "2a01:e0a:1::/48")


@pytest.fixture
def two(tmp_path):
    first = build_country_db(tmp_path / "one.mmdb", {"2.0.0.0/16": "FR", "5.10.0.0/16": "CH", "5.11.0.0/16": "CH"}, built=date(2026, 1, 5))
    second = build_country_db(tmp_path / "two.mmdb", {"2.0.0.0/16": "FR", "5.10.0.0/16": "FR"}, "dbip", built=date(2025, 12, 24))
    vpn = tmp_path / "vpn.txt"
    vpn.write_text("5.10.9.0/24\n")
    mobile = tmp_path / "mobile.txt"
    mobile.write_text("2.0.8.0/24\n5.10.8.0/24\n")
    with Locator.open(first, second, [(vpn, "vpn"), (mobile, "mobile")]) as opened:
        yield opened


def test_two_databases_that_agree_say_so_and_the_older_one_gives_the_build_day(two):
    assert two.locate("2.0.0.1") == Loc("FR", "access", "2025-12-24", True, "2.0.0.0/24")


def test_two_databases_that_disagree_make_the_class_unknown_and_give_no_country(two):
    assert two.locate("5.10.0.1") == Loc("", "unknown", "2025-12-24", False, "5.10.0.0/24")
    assert two.locate("5.10.8.1").cls == "unknown"  # a list says what a network is, not where


def test_a_second_database_that_does_not_know_an_address_does_not_agree(two):
    assert two.locate("5.11.0.1") == Loc("", "unknown", "2025-12-24", False, "5.11.0.0/24")


def test_a_listed_vpn_stays_a_vpn_when_databases_disagree_because_it_proves_no_place(two):
    assert two.locate("5.10.9.1") == Loc("", "vpn", "2025-12-24", False, "5.10.9.0/24")


def test_with_one_database_nothing_ever_agrees(locator):
    assert not any(locator.locate(f"2.0.{n}.1").agree for n in range(50))


def test_a_list_gives_its_class_and_the_database_the_country(two):
    assert two.locate("2.0.8.200") == Loc("FR", "mobile", "2025-12-24", True, "2.0.8.0/24")


def test_without_a_database_nothing_is_covered_but_private_and_listed_networks_are_still_told(tmp_path):
    hosting = tmp_path / "hosting.txt"
    hosting.write_text("2.0.9.0/24\n")
    mobile = tmp_path / "mobile.txt"
    mobile.write_text("2.0.8.0/24\n")
    opened = Locator.open(networks=[(hosting, "hosting"), (mobile, "mobile")])
    assert not opened.covered
    assert opened.locate("2.0.9.1") == Loc("", "hosting", "", False, "2.0.9.0/24")
    assert opened.locate("10.0.0.1").cls == "private"
    # A mobile network in no country would be outside every home zone: it must not look like evidence.
    assert opened.locate("2.0.8.1") == Loc("", "unknown", "", False, "2.0.8.0/24")


def test_with_a_database_location_is_covered(locator):
    assert locator.covered
    assert locator.built == "2026-03-01"


def test_the_longest_prefix_of_the_lists_wins_whatever_the_order_of_files(tmp_path):
    wide, narrow = tmp_path / "wide.txt", tmp_path / "narrow.txt"
    wide.write_text("# carrier\n2.0.0.0/16   # all of it\n\n2a01:e00::/26\n")
    narrow.write_text("2.0.5.0/24\n2.0.5.128/25\n2a01:e0a::/48\n")
    for files in ([(wide, "mobile"), (narrow, "hosting")], [(narrow, "hosting"), (wide, "mobile")]):
        lists = NetworkLists(files)
        found = [lists.find(ipaddress.ip_address(a)) for a in ("2.0.4.1", "2.0.5.1", "2.1.0.1", "2a01:e0a::1", "2a01:e0b::1", "2a03::1")]
        assert found == ["mobile", "hosting", "", "hosting", "mobile", ""]


@given(
    entries=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32), st.sampled_from(["mobile", "vpn", "relay"])), max_size=30),
    address=st.integers(0, 2**32 - 1),
)
def test_the_list_look_up_equals_a_search_over_all_networks(tmp_path_factory, entries, address):
    folder = tmp_path_factory.mktemp("lists")
    files = []
    best = (-1, "")
    for n, (base, length, cls) in enumerate(entries):
        network = ipaddress.ip_network((base, length), strict=False)
        path = folder / f"{n}.txt"
        path.write_text(f"{network}\n")
        files.append((path, cls))
        if ipaddress.ip_address(address) in network and length >= best[0]:
            best = (length, cls)
    assert NetworkLists(files).find(ipaddress.ip_address(address)) == best[1]


@pytest.mark.parametrize(
    ("content", "cls", "message"),
    [
        ("2.0.0.0/16\nnonsense\n", "vpn", r"list\.txt:2: 'nonsense' is no network"),
        ("2.0.0.0/33\n", "vpn", r"list\.txt:1: "),
        ("2.0.0.0/16\n", "satellite", r"'satellite' is no class of networks; use one of access, mobile"),
        ("2.0.0.0/16\n", "private", r"'private' is no class of networks"),
    ],
)
def test_a_bad_list_is_refused_with_its_file_and_line(tmp_path, content, cls, message):
    path = tmp_path / "list.txt"
    path.write_text(content)
    with pytest.raises(LocationError, match=message):
        Locator.open(networks=[(path, cls)])


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path):
    path = tmp_path / "country.mmdb"
    path.write_bytes(b"PK\x03\x04 not an mmdb")
    with pytest.raises(LocationError, match=r"country\.mmdb: cannot be read as a country database"):
        Locator.open(path)
    with pytest.raises(LocationError, match=r"absent\.mmdb"):
        Locator.open(tmp_path / "absent.mmdb")


def test_a_second_database_without_a_first_is_refused(tmp_path):
    with pytest.raises(LocationError, match="needs a first one"):
        Locator.open(None, build_country_db(tmp_path / "two.mmdb", NETWORKS))


def test_one_file_is_not_two_databases(tmp_path):
    path = build_country_db(tmp_path / "one.mmdb", NETWORKS)
    with pytest.raises(LocationError, match="would always agree with itself"):
        Locator.open(path, tmp_path / "." / "one.mmdb")


def test_the_same_address_gives_the_same_object_and_the_cache_stays_bounded(tmp_path):
    small = Locator([open_country_db(build_country_db(tmp_path / "one.mmdb", NETWORKS))], cache_size=16)
    assert small.locate("2.0.0.1") is small.locate("2.0.0.1")
    assert small.locate("2.0.0.1") is small.locate("2.0.0.2")  # equal answers are one object: memory
    before = [small.locate(f"2.0.{n // 256}.{n % 256}") for n in range(1000)]
    assert len(small._cache) <= 16
    assert before == [small.locate(f"2.0.{n // 256}.{n % 256}") for n in range(1000)]
    small.close()


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=50)))
def test_any_string_is_answered_and_the_answer_is_one_of_the_contract(tmp_path_factory, text):
    found = _shared_locator(tmp_path_factory).locate(text)
    if text == "":
        assert found is None
        return
    assert found.cls in {"access", "private", "unknown"}
    assert (found.country != "") == (found.cls == "access")
    assert found.agree is False


_SHARED: list[Locator] = []


def _shared_locator(tmp_path_factory):
    if not _SHARED:
        _SHARED.append(Locator.open(build_country_db(tmp_path_factory.mktemp("db") / "one.mmdb", NETWORKS)))
    return _SHARED[0]
