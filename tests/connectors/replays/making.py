"""Corrections and replays in few words."""

from connectors.replays.corrected import Correction, Receipt, Surroundings
from streams.core.identity import series_id
from streams.core.records import DeviceMapping, Interval, Lineage, PhysicalDevice, Variable
from streams.core.replay_record import Replay
from streams.core.times import SECOND

NOON = 1_793_620_800 * SECOND
"""2026-11-02 12:00 UTC"""
DEVICE = "json:probe"
RULES = [Variable("raw", "moisture", scale=0.1), Variable("junk", drop=True)]
MAPPING = DeviceMapping(
    device=DEVICE, physical_uid=3, intervals=[Interval(7, 0, NOON, variables=RULES), Interval(9, NOON, variables=RULES)]
)
PROBE = PhysicalDevice(uid=3, device=DEVICE, source="json", name="probe", source_ids={"id": "probe"})
AROUND = Surroundings({DEVICE: MAPPING}, {DEVICE: PROBE}, {Lineage(0, 5): Receipt("cid-5", NOON)})


def correction(
    value: float | str | None, *, name: str = "t", time: int = NOON, offset: int = 5, uid: int = 9, before_uid: int = 9,
    device: str = DEVICE, removed: bool = False,
) -> Correction:  # fmt: skip
    number, text = (None, value) if isinstance(value, str) else (value, "")
    return Correction(
        series_id(device, name), device, name, "C", "json", time, number, text, 0, uid, 0, offset, removed, before_uid
    )


def replay(**more: object) -> Replay:
    fields = {
        "id": 12,
        "mode": "decode",
        "state": "applying",
        "generation": 5,
        "why": "tenths for whole degrees",
    } | more
    return Replay(**fields)  # type: ignore[arg-type]  # whatever a test names
