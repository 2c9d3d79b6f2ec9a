"""The topics of the contracts, without a broker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.topics import EVENTS_DAYS, INPUT_DAYS, LONG_DAYS, TOPICS, Difference, Existing, Layout, plan, wanted

DAY = 86_400_000
# The table of the contracts, restated.
COMPACTED = {"accounts", "exemptions", "checkpoints", "suspensions"}
DELETED = {
    "registrations": INPUT_DAYS,
    "calls": INPUT_DAYS,
    "scores": INPUT_DAYS,
    "reviews": LONG_DAYS,
    "control": LONG_DAYS,
    "alerts": LONG_DAYS,
    "metering": LONG_DAYS,
    "events": 35,
    "features": EVENTS_DAYS,
    "applied": EVENTS_DAYS,
    "dead-letters": 30,
    "rekeyed": 1,
}
SETTINGS = {topic.name: topic.settings for topic in TOPICS}


def broker(layout: Layout) -> dict[str, Existing]:
    """A broker that has everything as wanted, settings that we do not name included."""
    return {one.name: Existing(one.partitions, one.replication, {**one.settings, "flush.ms": "1"}) for one in wanted(layout)}


def test_every_topic_of_the_contracts_is_there_with_its_cleanup_and_its_days() -> None:
    assert {name for name, one in SETTINGS.items() if one["cleanup.policy"] == "compact"} == COMPACTED
    assert {name: int(one["retention.ms"]) / DAY for name, one in SETTINGS.items() if "retention.ms" in one} == DELETED


def test_no_topic_is_limited_in_bytes_and_none_keeps_records_much_longer_than_it_says() -> None:
    for name in DELETED:
        assert SETTINGS[name]["retention.bytes"] == "-1"
        assert int(SETTINGS[name]["segment.ms"]) <= int(SETTINGS[name]["retention.ms"])


def test_a_compacted_topic_is_never_limited_in_time_and_its_erasure_has_a_bound() -> None:
    for name in COMPACTED:
        settings = SETTINGS[name]
        assert "retention.ms" not in settings
        assert int(settings["min.compaction.lag.ms"]) <= int(settings["max.compaction.lag.ms"]) <= 36 * DAY
        assert int(settings["segment.ms"]) <= DAY


def test_the_time_of_a_record_is_always_the_brokers() -> None:
    assert {one.settings["message.timestamp.type"] for one in wanted(Layout())} == {"LogAppendTime"}


def test_joined_topics_have_the_partitions_of_the_log_and_control_has_one() -> None:
    assert {one.name: one.partitions for one in wanted(Layout(partitions=24)) if one.partitions != 24} == {"vigie.control": 1}


@pytest.mark.parametrize(("copies", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_one_copy_may_be_missing_but_never_the_only_one(copies: int, in_sync: str) -> None:
    assert {one.settings["min.insync.replicas"] for one in wanted(Layout(replication=copies))} == {in_sync}


@given(
    layout=st.builds(
        Layout,
        prefix=st.sampled_from(["vigie.", "", "a.b."]),
        partitions=st.integers(1, 64),
        replication=st.integers(1, 5),
        pbxes=st.lists(st.sampled_from(["paris", "lyon", "pbx-1"]), unique=True).map(tuple),
    )
)
def test_a_broker_as_wanted_differs_in_nothing(layout: Layout) -> None:
    there = broker(layout)
    assert plan(there, layout) == []
    assert plan(there, Layout(layout.prefix, partitions=None, replication=None)) == []
    assert [one.topic for one in plan({}, layout)] == sorted(there)


@given(st.data())
def test_one_changed_setting_is_one_difference_with_both_values(data: st.DataObject) -> None:
    layout = Layout()
    there = broker(layout)
    name = data.draw(st.sampled_from(sorted(there)))
    setting = data.draw(st.sampled_from(sorted(set(there[name].settings) - {"flush.ms"})))
    right = there[name].settings[setting]
    there[name] = Existing(there[name].partitions, there[name].replication, {**there[name].settings, setting: "other"})
    assert plan(there, layout) == [Difference(name, setting, "other", right)]


def test_a_topic_of_a_pbx_of_its_own_is_judged_like_the_common_one() -> None:
    there = broker(Layout(pbxes=("paris",)))
    odd = there["vigie.calls.paris"]
    there["vigie.calls.paris"] = Existing(4, odd.replication, odd.settings)
    assert plan(there, Layout()) == [Difference("vigie.calls.paris", "partitions", "4", "8")]


def test_open_numbers_are_those_of_the_log_and_the_others_must_agree() -> None:
    open_layout = Layout(partitions=None, replication=None)
    there = broker(Layout(partitions=12, replication=1))
    assert plan(there, open_layout) == []
    there["vigie.accounts"] = Existing(8, 1, there["vigie.accounts"].settings)
    assert plan(there, open_layout) == [Difference("vigie.accounts", "partitions", "8", "12")]


def test_other_topics_of_the_broker_do_not_matter() -> None:
    there = broker(Layout()) | {"billing.calls": Existing(1, 1, {}), "vigie.callsign": Existing(1, 1, {})}
    assert plan(there, Layout()) == []
