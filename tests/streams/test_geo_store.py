import hashlib
import json
from datetime import date

import pytest
from typer.testing import CliRunner

from streams.geo_store import HOME_ZONE, Networks, age_warning, default_database, geo_dir, install, second_database, status
from streams.location import LocationError, Locator
from support.geo import build_country_db, build_mmdb
from vigie.geo import geo_app

TODAY = date(2026, 3, 10)
NETWORKS = {
    "2.0.0.0/16": "FR",
    "2.2.0.0/16": "FR",
    "2a01:e00::/26": "FR",
    "102.35.0.0/16": "RE",
    "2a02:1200::/27": "CH",
    "5.20.0.0/16": "ZZ",
}


@pytest.fixture
def database(tmp_path):
    return build_country_db(tmp_path / "download.mmdb", NETWORKS, "dbip")


def test_installing_records_what_the_database_is(tmp_path, database):
    report = install(database, installed=TODAY, licence=" CC BY 4.0, DB-IP ", data_dir=tmp_path / "home")
    assert report.sha256 == hashlib.sha256(database.read_bytes()).hexdigest()
    assert (report.built, report.installed, report.licence, report.source) == (
        "2026-03-01",
        "2026-03-10",
        "CC BY 4.0, DB-IP",
        "download.mmdb",
    )
    assert (report.database_type, report.description, report.ip_version) == ("DBIP-Country-Lite (test)", "made by a test", 6)
    assert report.size == database.stat().st_size
    assert (report.countries, report.without_country) == (3, 1)


def test_coverage_counts_the_networks_of_every_home_zone_country_by_family(tmp_path, database):
    report = install(database, installed=TODAY, data_dir=tmp_path / "home")
    assert tuple(report.coverage) == HOME_ZONE == ("FR", "GP", "MQ", "GF", "RE", "YT", "PM", "NC", "PF", "WF", "BL", "MF", "TF")
    assert report.coverage["FR"] == Networks(2, 1)
    assert report.coverage["RE"] == Networks(1, 0)
    assert report.coverage["TF"] == Networks(0, 0)
    assert report.networks == Networks(4, 2)


def test_an_installed_database_is_the_default_one_and_locates(tmp_path, database):
    home = tmp_path / "home"
    assert default_database(home) is None
    install(database, installed=TODAY, data_dir=home)
    database.unlink()  # vigie reads its own copy
    with Locator.open(default_database(home)) as opened:
        assert opened.locate("102.35.1.1").country == "RE"


def test_a_second_database_is_kept_apart(tmp_path, database):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    second = build_country_db(tmp_path / "second.mmdb", {"2.0.0.0/16": "FR"})
    install(second, installed=TODAY, role="second", data_dir=home)
    assert [entry.report.role for entry in status(home)] == ["country", "second"]
    with Locator.open(default_database(home), second_database(home)) as opened:
        assert opened.locate("2.0.0.1").agree
        assert opened.locate("2.2.0.1").cls == "unknown"


def test_a_copy_of_the_country_database_is_no_second_opinion(tmp_path, database):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    with pytest.raises(LocationError, match="would always agree"):
        install(database, installed=TODAY, role="second", data_dir=home)
    assert second_database(home) is None


def test_a_newer_database_replaces_the_former_one_and_the_superseded_file_is_destroyed(tmp_path, database):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    former = default_database(home)
    newer = build_country_db(tmp_path / "newer.mmdb", {"2.0.0.0/16": "FR"}, built=date(2026, 4, 1))
    install(newer, installed=TODAY, data_dir=home)
    assert default_database(home) != former
    assert not former.exists()
    assert sorted(path.suffix for path in geo_dir(home).iterdir()) == [".json", ".mmdb"]


def test_installing_the_same_file_again_keeps_it(tmp_path, database):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    install(database, installed=TODAY, licence="CC BY 4.0", data_dir=home)
    assert default_database(home).is_file()
    assert status(home)[0].report.licence == "CC BY 4.0"


def _not_mmdb(path):
    path.write_bytes(b"id,country\n1,FR\n")
    return path


def _no_country(path):
    return build_mmdb(path, {"2.0.0.0/16": {"autonomous_system_number": 3215}}, database_type="Test-ASN")


def _truncated(path):
    build_country_db(path, NETWORKS)
    data = path.read_bytes()
    marker = data.rindex(b"\xab\xcd\xefMaxMind.com")
    path.write_bytes(data[: marker // 2] + data[marker:])
    return path


def _absent(path):
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_not_mmdb, r"bad\.mmdb: cannot be read as a country database"),
        (_no_country, r"bad\.mmdb: no record of this Test-ASN database names a country"),
        (_truncated, r"bad\.mmdb: "),
        (_absent, r"bad\.mmdb: cannot be copied"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_leaves_the_former_database_in_force(tmp_path, database, make, message):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    before = {path.name: path.read_bytes() for path in geo_dir(home).iterdir()}
    with pytest.raises(LocationError, match=message):
        install(make(tmp_path / "bad.mmdb"), installed=TODAY, data_dir=home)
    assert {path.name: path.read_bytes() for path in geo_dir(home).iterdir()} == before


def test_a_changed_or_missing_file_is_no_longer_intact(tmp_path, database):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    assert status(home)[0].intact
    with default_database(home).open("ab") as file:
        file.write(b"x")
    assert not status(home)[0].intact
    default_database(home).unlink()
    assert not status(home)[0].intact


def test_a_damaged_record_says_what_to_do(tmp_path, database):
    home = tmp_path / "home"
    install(database, installed=TODAY, data_dir=home)
    (geo_dir(home) / "country.json").write_text("{}")
    with pytest.raises(LocationError, match="vigie geo install"):
        default_database(home)


def test_the_data_directory_is_the_option_then_vigie_home_then_the_users(tmp_path):
    assert geo_dir(tmp_path, {"VIGIE_HOME": "/srv"}) == tmp_path / "geo"
    assert geo_dir(None, {"VIGIE_HOME": "/srv", "XDG_DATA_HOME": "/data"}).as_posix() == "/srv/geo"
    assert geo_dir(None, {"XDG_DATA_HOME": "/data"}).as_posix() == "/data/vigie/geo"
    assert geo_dir(None, {}).parts[-4:] == (".local", "share", "vigie", "geo")


def test_a_database_is_flagged_after_45_days_and_raises_notices_only_after_180():
    assert age_warning("2026-01-01", date(2026, 2, 15)) == ""
    assert "46 days ago: over 45" in age_warning("2026-01-01", date(2026, 2, 16))
    assert "over 45" in age_warning("2026-01-01", date(2026, 6, 30))
    assert "181 days ago: over 180" in age_warning("2026-01-01", date(2026, 7, 1))


run = CliRunner().invoke


def test_geo_install_shows_the_coverage_and_warns_about_an_old_database(tmp_path):
    old = build_country_db(tmp_path / "old.mmdb", NETWORKS, built=date(2020, 1, 1))
    result = run(geo_app, ["install", str(old), "--data-dir", str(tmp_path / "home"), "--licence", "CC BY 4.0"])
    assert result.exit_code == 0
    assert "Coverage of the home zone" in result.stdout
    assert all(country in result.stdout for country in HOME_ZONE)
    assert "CC BY 4.0" in result.stdout
    assert hashlib.sha256(old.read_bytes()).hexdigest() in result.stdout
    assert "over 180 days" in result.stderr


def test_geo_status_says_loudly_that_nothing_is_covered_without_a_database(tmp_path):
    result = run(geo_app, ["status"], env={"VIGIE_HOME": str(tmp_path)})
    assert result.exit_code == 0
    assert "Location rules are not covered" in result.stdout


def test_geo_status_shows_both_databases_and_a_changed_file_fails(tmp_path, database):
    where = {"VIGIE_HOME": str(tmp_path / "home")}
    assert run(geo_app, ["install", str(database)], env=where).exit_code == 0
    alone = run(geo_app, ["status"], env=where)
    assert alone.exit_code == 0
    assert "No second database" in alone.stdout
    other = build_country_db(tmp_path / "other.mmdb", {"2.0.0.0/16": "FR"})
    assert run(geo_app, ["install", str(other), "--second"], env=where).exit_code == 0
    both = run(geo_app, ["status"], env=where)
    assert "Second database" in both.stdout
    assert both.stdout.count("matches") == 2
    with default_database(tmp_path / "home").open("ab") as file:
        file.write(b"x")
    changed = run(geo_app, ["status"], env=where)
    assert changed.exit_code == 3
    assert "DIFFERS" in changed.stdout


def test_geo_install_of_a_bad_file_ends_with_status_3_and_one_line(tmp_path):
    bad = _not_mmdb(tmp_path / "bad.mmdb")
    result = run(geo_app, ["install", str(bad), "--data-dir", str(tmp_path / "home")])
    assert result.exit_code == 3
    assert "bad.mmdb: cannot be read" in result.stderr
    assert "Traceback" not in result.output


def test_the_record_is_plain_json(tmp_path, database):
    install(database, installed=TODAY, data_dir=tmp_path)
    record = json.loads((geo_dir(tmp_path) / "country.json").read_text())
    assert record["coverage"]["FR"] == {"v4": 2, "v6": 1}
