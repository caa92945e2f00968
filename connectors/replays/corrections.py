"""What a replay changed, told to the sinks that have no rows to correct: files get a generation of their own, Ubidots new dots.

Both are asked for once the correction stands in the store, with the rows of the replay's delta; doing it again gives
the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from connectors.sinks.clickhouse.store import Store
from streams.core.identity import content_id
from streams.core.records import DeviceMapping, Measurement, PhysicalDevice, Reading
from streams.core.replay_record import Replay
from streams.scan import table
from streams.settings import Settings


class Correction(NamedTuple):
    """One row of a delta: a point as it is now, or one that was taken away.

    The order of the fields is that of the columns of ``ClickHouseReplayStore.delta_rows``; rows come by raw partition
    and offset, so that the points of one raw record stand together. ``time`` in ns; ``text`` "" and uid 0 stand for
    none. ``before_uid``: the logical device that the point stood at before, 0 for a point that is new. A removed point
    carries what stood there.
    """

    series_id: int
    device: str
    name: str
    unit: str
    source: str
    time: int
    value: float | None
    text: str
    quality: int
    logical_uid: int
    raw_partition: int
    raw_offset: int
    removed: bool
    before_uid: int
