"""Campaigns of a live installation: alerts of the last days in, ``reference`` events out to the control topic, each once."""

from __future__ import annotations

from typing import Any

import msgspec

from detectors.control import CAMPAIGNS
from detectors.days import HOUR
from streams.campaigns import Campaign, Known, Said, campaigns, name_of, reference_of, shared, unsaid, use_of
from streams.live.control import publish
from streams.live.records import Topics, opened
from streams.times import parse_time

#: An alert is published minutes after its instant at most (a producer's clock may be 120 s ahead of the broker's).
MARGIN = HOUR


class Found(msgspec.Struct, frozen=True):
    """``campaigns`` of the time asked for, and those ``published`` now."""

    campaigns: list[Campaign]
    published: list[Campaign]


class _Record(msgspec.Struct):
    kind: str
    name: str = ""
    body: Any = None


_record = msgspec.json.Decoder(_Record).decode
_said = msgspec.json.Decoder(Said).decode


def publish_campaigns(bootstrap: str, prefix: str, partitions: int, since: int) -> Found:
    """Find the campaigns among alerts that were published since an instant, and publish those that are new or have grown.

    An attack that began before is read from its beginning, so that it stays one campaign with one name. Who uses what, the log says
    from that instant on.

    Args:
        bootstrap: a broker's host and port.
        prefix: in front of every topic's name.
        partitions: how many the log has.
        since: the instant, by the broker's clock (ms).

    Raises:
        BrokerLost: Kafka went away; nothing or some of it was published, and the next run publishes the rest.
        StateError: a record of the log is no frame.
    """
    numbers = range(partitions)
    with opened(bootstrap, prefix) as topics:
        known = _known(topics)
        begun = [parse_time(one.from_) - MARGIN for one in known if parse_time(one.to) >= since - MARGIN]
        said = [_said(value) for value in topics.values("alerts", numbers, min([since, *begun])) if _record(value).kind == "alert"]
        keys = shared(said)
        # A day of the log is read for minutes, and on most days no key is shared.
        found = campaigns(said, use_of(topics.events(numbers, since), keys), ()) if keys else []
        new = unsaid(found, known)
        if new:
            publish(bootstrap, prefix, "vigie-campaigns", [(name_of(one.campaign_id), reference_of(one)) for one in new])
    return Found(found, new)


def _known(topics: Topics) -> list[Known]:
    """What was published of each campaign, the later behind the earlier."""
    found = []
    for value in topics.values("control", [0]):
        try:
            record = _record(value)
            if record.kind == "reference" and record.name.startswith(CAMPAIGNS):
                found.append(msgspec.convert(record.body, Known))
        except msgspec.MsgspecError:
            # Other commands are for ingest to judge, and a campaign that another hand wrote is none of ours.
            continue
    return found
