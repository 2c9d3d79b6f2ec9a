from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.location.countries import COUNTRIES, least_distance_km
from detectors.policy import FRENCH_ZONE

codes = st.sampled_from(sorted(COUNTRIES))


def test_the_table_knows_the_249_codes_of_iso_3166_and_kosovo() -> None:
    assert len(COUNTRIES) == 250
    assert "XK" in COUNTRIES
    assert all(len(code) == 2 and code.isalpha() and code.isupper() for code in COUNTRIES)


def test_every_french_territory_is_a_place_of_its_own() -> None:
    assert set(FRENCH_ZONE) <= set(COUNTRIES)
    assert least_distance_km("FR", "GP") > 6_000
    assert least_distance_km("FR", "RE") > 8_500


def test_every_place_is_on_the_map_and_has_an_area() -> None:
    for code, (latitude, longitude, area) in COUNTRIES.items():
        assert -90 <= latitude <= 90, code
        assert -180 <= longitude <= 180, code
        assert 0 < area < 18_000_000, code


def test_the_land_of_all_countries_is_the_land_of_the_earth() -> None:
    assert sum(area for _, _, area in COUNTRIES.values()) == pytest.approx(149_000_000, rel=0.02)


def test_no_two_countries_share_a_centre() -> None:
    assert [(a, b) for a, b in combinations(sorted(COUNTRIES), 2) if COUNTRIES[a][:2] == COUNTRIES[b][:2]] == []


NEIGHBOURS = "FR-BE FR-CH FR-ES FR-IT FR-DE FR-LU FR-GB FR-MC FR-AD MF-SX GF-SR GF-BR US-CA US-MX"


@pytest.mark.parametrize(("a", "b"), [tuple(pair.split("-")) for pair in NEIGHBOURS.split()])
def test_a_border_is_never_far(a: str, b: str) -> None:
    assert least_distance_km(a, b) < 300


@pytest.mark.parametrize(("b", "real"), [("US", 5_840), ("TH", 9_450), ("SN", 4_220), ("MA", 1_850), ("CA", 5_530)])
def test_the_least_distance_stays_below_the_way_from_paris(b: str, real: int) -> None:
    assert real / 3 < least_distance_km("FR", b) < real


def test_what_the_table_does_not_know_is_far_from_nothing() -> None:
    assert least_distance_km("FR", "ZZ") == least_distance_km("", "FR") == 0


@given(codes, codes)
def test_a_distance_is_the_same_both_ways_whole_and_never_below_zero(a: str, b: str) -> None:
    km = least_distance_km(a, b)
    assert km == least_distance_km(b, a) >= 0
    assert type(km) is int
    assert km <= 20_016


@given(codes)
def test_a_country_is_nowhere_far_from_itself(code: str) -> None:
    assert least_distance_km(code, code) == 0
