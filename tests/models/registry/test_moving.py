"""Two persons make a champion, one goes back; whatever else is tried is refused with what to do."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.events import ModelEvent
from models.registry import aliases, moving, store
from models.registry.errors import KeyRefused, ModelMissing, ModelRefused, MoveRefused
from models.registry.events import line_of, model_event
from models.registry.manifest import Manifest
from models.registry.signing import sign
from streams.wire import Wire
from support.registry import ANA, BOB, CAT, DAY, NOW, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def ask(house: House, manifest: Manifest, key: object = ANA, now: int = NOW) -> moving.Request:
    return moving.request(house.registry, "autodial", manifest.version, key, house.publishers, now)[1]  # type: ignore[arg-type]


def agree(house: House, manifest: Manifest, key: object = BOB, now: int = NOW) -> aliases.Move:
    return moving.approve(house.registry, "autodial", manifest.version, key, house.publishers, now)[0]  # type: ignore[arg-type]


def promote(house: House, manifest: Manifest, champion: str = "", now: int = NOW) -> aliases.Move:
    house.shadow(manifest, champion, now)
    ask(house, manifest, now=now)
    return agree(house, manifest, now=now)


def roles(house: House) -> aliases.Roles:
    return aliases.current(house.registry, house.publishers).get("autodial", aliases.Roles())


def test_two_persons_make_a_version_champion(house: House) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    assert roles(house).champion == ""
    assert [request.order.version for request in moving.pending(house.registry)] == [one.version]
    move = agree(house, one)
    assert roles(house).champion == one.version
    assert moving.pending(house.registry) == []
    signers = aliases.signers(move.order, move.signatures, house.publishers)
    assert [person.name for person in signers] == ["ana", "bob"]


def test_the_move_is_an_event_that_the_stream_reads_and_telling_it_twice_is_telling_it_once(house: House) -> None:
    one = house.save()
    move = promote(house, one)
    line = line_of(model_event(move, one))
    event = Wire().decode(line)
    assert isinstance(event, ModelEvent)
    assert (event.time, event.name, event.version, event.role, event.threshold) == (NOW, "autodial", one.version, "champion", 0.5)
    assert line_of(model_event(move, one)) == line


def test_who_asked_cannot_approve_under_any_key_of_theirs(house: House) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    with pytest.raises(MoveRefused, match="ana asked for it, and cannot approve it too"):
        agree(house, one, ANA)
    path = house.registry / "publishers.toml"
    path.write_text(path.read_text().replace('"cat"', '"ana"'))
    with pytest.raises(MoveRefused, match="ana asked for it"):
        agree(house, one, CAT)


def test_keys_that_nobody_knows_or_that_are_revoked_move_nothing(house: House, tmp_path: Path) -> None:
    one = house.save()
    house.shadow(one)
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(KeyRefused, match="does not have this key"):
        ask(house, one, stranger)
    house.revoke("cat")
    with pytest.raises(KeyRefused, match="the key of cat is revoked"):
        ask(house, one, CAT)
    ask(house, one)
    for key in (stranger, CAT):
        with pytest.raises(KeyRefused):
            agree(house, one, key)


def test_a_request_of_somebody_revoked_since_is_refused(house: House) -> None:
    one = house.save(key=BOB)
    house.shadow(one)
    ask(house, one, CAT)
    house.revoke("cat")
    with pytest.raises(MoveRefused, match="the key of cat is revoked"):
        agree(house, one)


def test_a_request_lasts_seven_days(house: House) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    house.shadow(one, at=NOW + 7 * DAY)
    with pytest.raises(MoveRefused, match="older than 7 days"):
        agree(house, one, now=NOW + 7 * DAY + 1)
    with pytest.raises(MoveRefused, match="of the future"):
        agree(house, one, now=NOW - DAY)


@pytest.mark.parametrize("field", ["name", "version", "manifest_sha256", "shadow_sha256", "requested_at", "action", "role"])
def test_an_altered_request_is_refused(house: House, field: str) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    path = house.registry / moving.REQUESTS / f"{one.version}.json"
    content = msgspec.json.decode(path.read_bytes())
    other = {"action": "rollback", "role": "none", "requested_at": "2026-03-02T09:00:01.000Z"}
    content["order"][field] = other.get(field, "0" * 64)
    path.write_bytes(msgspec.json.encode(content))
    with pytest.raises(MoveRefused, match="not what a publisher signed"):
        agree(house, one)


def test_a_request_for_another_version_does_not_fit_even_if_it_is_signed(house: House) -> None:
    one, two = house.save(), house.save(2)
    house.shadow(one)
    house.shadow(two)
    ask(house, two)
    folder = house.registry / moving.REQUESTS
    (folder / f"{two.version}.json").rename(folder / f"{one.version}.json")
    with pytest.raises(MoveRefused, match="for something else"):
        agree(house, one)


def test_a_request_works_once(house: House) -> None:
    one, two = house.save(), house.save(2)
    house.shadow(one)
    ask(house, one)
    path = house.registry / moving.REQUESTS / f"{one.version}.json"
    kept = path.read_bytes()
    agree(house, one)
    with pytest.raises(MoveRefused, match="nobody asked for it"):
        agree(house, one)
    promote(house, two, one.version)
    path.write_bytes(kept)
    with pytest.raises(MoveRefused, match="approved before"):
        agree(house, one)


def test_a_request_that_is_no_request_is_refused(house: House) -> None:
    one = house.save()
    (house.registry / moving.REQUESTS).mkdir()
    (house.registry / moving.REQUESTS / f"{one.version}.json").write_bytes(b"{}")
    with pytest.raises(MoveRefused, match="no request; ask again"):
        agree(house, one)


def test_a_promotion_needs_a_shadow_report(house: House) -> None:
    with pytest.raises(MoveRefused, match="has no shadow report; run: vigie models shadow autodial autodial-"):
        ask(house, house.save())


def test_the_report_is_of_these_seven_days_and_not_of_the_future(house: House) -> None:
    one = house.save()
    house.shadow(one, at=NOW - 7 * DAY - 1)
    with pytest.raises(MoveRefused, match="older than 7 days"):
        ask(house, one)
    house.shadow(one, at=NOW + DAY)
    with pytest.raises(MoveRefused, match="of the future"):
        ask(house, one)
    (path,) = house.folder(one).glob("shadow-20260303*")
    path.unlink()
    house.shadow(one, at=NOW - 7 * DAY)
    ask(house, one)
    with pytest.raises(MoveRefused, match="older than 7 days"):
        agree(house, one, now=NOW + 1)


def test_the_report_is_against_the_champion_in_force(house: House) -> None:
    one, two = house.save(), house.save(2)
    promote(house, one)
    house.shadow(two, champion="")
    with pytest.raises(MoveRefused, match=f"against rules alone, and in force is now {one.version}"):
        ask(house, two)


def test_errors_of_the_shadow_run_stop_a_promotion(house: House) -> None:
    one = house.save()
    house.shadow(one, errors=3)
    with pytest.raises(MoveRefused, match="gave no score for 3 of 100 rows"):
        ask(house, one)


@pytest.mark.parametrize(
    ("guards", "value", "words"),
    [
        ({"all": 0.81}, 0.8, "slice all is worse than its guard: 0.800 under 0.81"),
        ({"all": 0.5}, None, "slice all has 50 verdicts, 10 of them breaches: too few"),
        ({"level:breach": 0.1}, 0.8, "slice level:breach has no verdicts: too few"),
    ],
)
def test_no_slice_is_worse_than_its_guard_and_what_cannot_be_measured_is_not_good(
    house: House, guards: dict[str, float], value: float | None, words: str
) -> None:
    one = house.save(guards=guards)
    house.shadow(one, average_precision=value)
    with pytest.raises(MoveRefused, match=words):
        ask(house, one)


def test_a_guard_that_holds_lets_it_pass(house: House) -> None:
    one = house.save(guards={"all": 0.8})
    promote(house, one)
    assert roles(house).champion == one.version


def test_a_report_changed_or_gone_after_the_request_is_refused(house: House) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    (path,) = house.folder(one).glob("shadow-*.json")
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b'"scored": 100', b'"scored": 101'))
    with pytest.raises(MoveRefused, match="is gone or was changed"):
        agree(house, one)
    path.unlink()
    with pytest.raises(MoveRefused, match="is gone or was changed"):
        agree(house, one)
    path.write_bytes(kept)
    agree(house, one)


def test_a_report_of_another_model_in_the_folder_is_refused(house: House) -> None:
    one, two = house.save(), house.save(2)
    house.shadow(two)
    (path,) = house.folder(two).glob("shadow-*.json")
    (house.folder(one) / path.name).write_bytes(path.read_bytes())
    with pytest.raises(MoveRefused, match="a report of something else"):
        ask(house, one)
    (house.folder(one) / path.name).write_bytes(b"[]")
    with pytest.raises(MoveRefused, match="no report of a shadow run"):
        ask(house, one)


def test_a_model_that_cannot_be_loaded_is_not_promoted_and_not_approved(house: House) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    path = house.folder(one) / store.MODEL
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelRefused, match="not the file that was signed"):
        agree(house, one)
    with pytest.raises(ModelRefused, match="not the file that was signed"):
        ask(house, one)


def test_the_champion_is_not_promoted_again(house: House) -> None:
    one = house.save()
    promote(house, one)
    with pytest.raises(MoveRefused, match="is champion already"):
        ask(house, one)


def test_one_person_goes_back_and_further_back_but_never_forward_over_it(house: House) -> None:
    one, two = house.save(), house.save(2)
    three = house.save(3)
    promote(house, one)
    promote(house, two, one.version)
    promote(house, three, two.version)

    def back(to: str = "") -> str:
        return moving.rollback(house.registry, "autodial", CAT, house.publishers, NOW, to)[0].order.version

    assert back() == two.version
    assert back() == one.version
    with pytest.raises(MoveRefused, match=f"name one with --to: {two.version}, {three.version}"):
        back()
    assert back(three.version) == three.version
    assert roles(house).champion == three.version


def test_going_back_to_what_was_never_champion_needs_two_persons(house: House) -> None:
    one, two = house.save(), house.save(2)
    promote(house, one)
    with pytest.raises(MoveRefused, match=f"needs two persons: vigie models promote autodial {two.version}"):
        moving.rollback(house.registry, "autodial", ANA, house.publishers, NOW, two.version)


def test_the_first_champion_is_taken_out_by_one_person_even_when_it_is_broken(house: House) -> None:
    one = house.save()
    promote(house, one)
    with pytest.raises(MoveRefused, match="--to none"):
        moving.rollback(house.registry, "autodial", ANA, house.publishers, NOW)
    (house.folder(one) / store.MODEL).unlink()
    move, manifest = moving.retire(house.registry, "autodial", one.version, ANA, house.publishers, NOW)
    assert roles(house).champion == ""
    event = model_event(move, manifest)
    assert (event["role"], event["version"], event["threshold"]) == ("none", one.version, None)


def test_a_challenger_scores_beside_the_champion_by_one_key_until_it_is_taken_out_or_promoted(house: House) -> None:
    one, two = house.save(), house.save(2)
    promote(house, one)

    def challenge(manifest: Manifest) -> None:
        moving.challenge(house.registry, "autodial", manifest.version, CAT, house.publishers, NOW)

    challenge(two)
    assert (roles(house).champion, roles(house).challenger) == (one.version, two.version)
    for manifest in (one, two):
        with pytest.raises(MoveRefused, match="already; nothing to do"):
            challenge(manifest)
    moving.retire(house.registry, "autodial", two.version, CAT, house.publishers, NOW)
    assert (roles(house).champion, roles(house).challenger) == (one.version, "")
    with pytest.raises(MoveRefused, match="has no role"):
        moving.retire(house.registry, "autodial", two.version, CAT, house.publishers, NOW)
    challenge(two)
    promote(house, two, one.version)
    assert (roles(house).champion, roles(house).challenger) == (two.version, "")


def test_words_name_versions_by_what_they_are(house: House) -> None:
    one, two = house.save(), house.save(2)

    def named(word: str) -> str:
        return moving.resolve(house.registry, "autodial", word, house.publishers)

    with pytest.raises(ModelMissing, match="several versions are candidates"):
        named("candidate")
    with pytest.raises(ModelMissing, match="no version is champion"):
        named("champion")
    promote(house, one)
    assert (named("champion"), named("candidate"), named(two.version)) == (one.version, two.version, two.version)
    moving.challenge(house.registry, "autodial", two.version, CAT, house.publishers, NOW)
    assert (named("challenger"), named("candidate")) == (two.version, two.version)
    with pytest.raises(ModelMissing):
        named("autodial-000000000000")


def test_two_who_approve_at_once_make_one_move(house: House) -> None:
    one = house.save()
    house.shadow(one)
    ask(house, one)
    done: list[object] = []

    def run(key: object) -> None:
        try:
            done.append(agree(house, one, key))
        except MoveRefused as error:
            done.append(str(error))

    threads = [threading.Thread(target=run, args=(key,)) for key in (BOB, CAT, BOB, CAT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in done if isinstance(one, aliases.Move)]) == 1
    assert all("nobody asked for it" in one for one in done if isinstance(one, str))
    assert len(aliases.history(house.registry, house.publishers)) == 1


def test_a_signature_under_a_manifest_is_none_under_a_move(house: House) -> None:
    one = house.save()
    house.shadow(one)
    asked = ask(house, one)
    forged = msgspec.structs.replace(asked, signature=sign(ANA, msgspec.json.encode(asked.order, order="deterministic")))
    path = house.registry / moving.REQUESTS / f"{one.version}.json"
    path.write_bytes(msgspec.json.encode(forged))
    with pytest.raises(MoveRefused, match="not what a publisher signed"):
        agree(house, one)
