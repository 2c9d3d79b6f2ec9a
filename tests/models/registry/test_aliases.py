"""The history of moves is only added to, and every line of it is verified when it is read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.registry import aliases, moving
from models.registry.aliases import MOVES, Move, Order, Roles
from models.registry.errors import RegistryDamaged
from models.registry.manifest import Manifest
from models.registry.signing import sign
from models.registry.store import digest
from support.registry import ANA, BOB, CAT, NOW, House


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with five moves: a champion, another, back, a challenger, out."""
    house = House(tmp_path_factory.mktemp("moved"))
    one, two = house.save(), house.save(2)
    for manifest, champion in ((one, ""), (two, one.version)):
        house.shadow(manifest, champion)
        moving.request(house.registry, "autodial", manifest.version, ANA, house.publishers, NOW)
        moving.approve(house.registry, "autodial", manifest.version, BOB, house.publishers, NOW)
    moving.rollback(house.registry, "autodial", CAT, house.publishers, NOW)
    moving.challenge(house.registry, "autodial", two.version, CAT, house.publishers, NOW)
    moving.retire(house.registry, "autodial", two.version, CAT, house.publishers, NOW)
    return house


def read(house: House) -> list[Move]:
    return aliases.history(house.registry, house.publishers)


def rewritten(house: House, lines: list[bytes]) -> str:
    """What reading other lines says; the file is put back."""
    path = house.registry / MOVES
    kept = path.read_bytes()
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    try:
        with pytest.raises(RegistryDamaged) as damaged:
            read(house)
    finally:
        path.write_bytes(kept)
    assert "\n" not in str(damaged.value)
    return str(damaged.value)


def lines(house: House) -> list[bytes]:
    return (house.registry / MOVES).read_bytes().splitlines()


def chained(moves: list[Move]) -> list[bytes]:
    """Lines whose numbers and digests fit, as somebody would write them who knows how."""
    found: list[bytes] = []
    former = "0" * 64
    for number, move in enumerate(moves, 1):
        found.append(msgspec.json.encode(msgspec.structs.replace(move, sequence=number, former=former)))
        former = digest(found[-1])
    return found


def test_the_roles_are_the_fold_of_all_moves(moved: House) -> None:
    actions = [move.order.action for move in read(moved)]
    assert actions == ["promote", "promote", "rollback", "challenge", "retire"]
    one, two = (move.order.version for move in read(moved)[:2])
    assert aliases.current(moved.registry, moved.publishers) == {"autodial": Roles(one, "", [], [one, two])}


def test_each_line_holds_the_digest_of_the_one_before(moved: House) -> None:
    found = lines(moved)
    assert [move.former for move in read(moved)] == ["0" * 64, *(digest(line) for line in found[:-1])]


def test_a_line_taken_out_moved_or_repeated_is_seen(moved: House) -> None:
    found = lines(moved)
    for other in (found[1:], [found[0], *found[2:]], [found[1], found[0], *found[2:]], [*found, found[-1]]):
        assert "does not follow from the one before" in rewritten(moved, other)


def test_a_promotion_with_one_signature_or_one_person_twice_is_seen(moved: House) -> None:
    moves = read(moved)
    first = moves[0]
    again = sign(ANA, aliases.message(first.order))
    for signatures in (first.signatures[:1], (first.signatures[0], again), ()):
        other = msgspec.structs.replace(first, signatures=signatures)
        assert "line 1 lacks a signature" in rewritten(moved, chained([other, *moves[1:]]))


def test_an_order_changed_under_its_signatures_is_seen(moved: House) -> None:
    moves = read(moved)
    other = msgspec.structs.replace(moves[2], order=msgspec.structs.replace(moves[2].order, version=moves[1].order.version))
    assert "line 3 lacks a signature" in rewritten(moved, chained([*moves[:2], other, *moves[3:]]))


def test_one_person_cannot_write_a_champion_as_a_way_back_or_under_another_action(moved: House) -> None:
    moves = read(moved)

    def forged(**fields: str) -> Move:
        order = msgspec.convert({**msgspec.to_builtins(moves[2].order), **fields}, Order)
        return msgspec.structs.replace(moves[2], order=order, signatures=(sign(CAT, aliases.message(order)),))

    assert "which was never champion" in rewritten(moved, chained([*moves[:1], forged(version="autodial-000000000000")]))
    assert "gives no role champion" in rewritten(moved, chained([*moves[:1], forged(action="challenge")]))


def test_a_cut_last_line_is_said_and_not_guessed(moved: House) -> None:
    path = moved.registry / MOVES
    kept = path.read_bytes()
    path.write_bytes(kept[:-20])
    try:
        with pytest.raises(RegistryDamaged, match="last line is cut"):
            read(moved)
    finally:
        path.write_bytes(kept)


def test_a_key_revoked_later_still_speaks_for_what_it_signed_and_an_unknown_one_does_not(moved: House) -> None:
    path = moved.registry / "publishers.toml"
    kept = path.read_text()
    moved.revoke("bob")
    assert len(read(moved)) == 5
    path.write_text("\n\n".join(block for block in kept.split("\n\n") if '"bob"' not in block))
    try:
        with pytest.raises(RegistryDamaged, match="line 1 lacks a signature"):
            read(moved)
    finally:
        path.write_text(kept)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_any_byte_changed_is_seen_unless_it_is_in_what_nothing_rests_on(moved: House, at: float, value: int) -> None:
    path = moved.registry / MOVES
    kept = path.read_bytes()
    place = int(at * len(kept))
    path.write_bytes(kept[:place] + bytes([kept[place] ^ value]) + kept[place + 1 :])
    try:
        before = [(move.order, move.sequence) for move in aliases.history(moved.registry, moved.publishers)]
    except RegistryDamaged:
        return
    finally:
        path.write_bytes(kept)
    # The last line has no successor that holds its digest: its own time is all that can be changed in it.
    assert before == [(move.order, move.sequence) for move in read(moved)]
    assert place > len(kept) - len(kept.splitlines()[-1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["promote", "rollback", "retire", "challenge"]), st.sampled_from("abcd")), max_size=12))
def test_whatever_moves_come_a_way_back_leads_to_approved_versions_only(steps: list[tuple[str, str]]) -> None:
    moves: list[Move] = []
    for action, version in steps:
        order = msgspec.convert(
            {"action": action, "name": "m", "version": version, "manifest_sha256": "", "role": aliases.ROLES[action], "requested_at": ""},
            Order,
        )
        move = Move(sequence=len(moves) + 1, at="", former="", order=order, signatures=())
        try:
            aliases.fold([*moves, move])
        except RegistryDamaged:
            assert action == "rollback"
            continue
        moves.append(move)
    roles = aliases.fold(moves).get("m", Roles())
    promoted = {move.order.version for move in moves if move.order.action == "promote"}
    assert {*roles.former, *roles.approved} <= promoted
    assert roles.champion not in roles.former
    assert len(set(roles.former)) == len(roles.former)
    assert roles.champion in {"", *promoted}


def test_without_moves_there_are_no_roles(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert aliases.current(house.registry, house.publishers) == {}
    assert isinstance(house.save(), Manifest)
