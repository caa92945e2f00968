"""IoTa's devices, mappings, notes and users -> registry records. Pure.

Uids stay, so that the numbers in people's scripts still hold; where one is taken by something else, nothing is imported.
What an earlier run brought is left as it is: people may have changed it since.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from connectors.migration import iota_mappings as mappings
from connectors.migration.iota_mappings import Mapped
from connectors.migration.iota_messages import Origin
from connectors.migration.iota_report import Report
from connectors.migration.iota_tables import LEFT_OUT, RAW, REGISTRY, Row, Tables
from connectors.migration.iota_values import Unfit, location, number, texts, time, tree, truth
from streams import avro
from streams.core.records import DeviceMapping, Interval, LogicalDevice, PhysicalDevice, Source
from streams.core.registry_records import DeviceNote
from streams.core.times import to_text
from streams.core.user_record import User
from streams.registry.device_keys import key_of, unnamed_key
from streams.registry.snapshot import Tables as Held
from streams.registry.state import KINDS, LOGICAL, MAPPING, NOTES, PHYSICAL, SOURCES, USERS, Author
from streams.registry.users import ADMIN, READ_ONLY
from streams.registry.whole_records import Write, identity

USERNAME = re.compile(r"[^:/?#%\s\x00-\x1f\x7f]{1,1000}")
COPIES = ("last_msg", "last_message_hash", "last_correlation_id")
"""Properties that repeat the newest message: raw has it, and nobody would write them on."""
T = TypeVar("T", bound=Struct)


class Import(Struct):
    """``writes`` in the order in which they are written; ``origins``: what messages need to know of their devices."""

    together: list[Write]
    writes: list[Write]
    report: Report
    origins: dict[int, Origin]


def plan(iota: Tables, held: Held, origin: str, author: Author) -> Import:
    """What has to be written, and what there is to say. ``held``: the registry as it is."""
    return _Planner(iota, held, Report(origin), author).plan()


class _Planner:
    """Gathers records table by table."""

    def __init__(self, iota: Tables, held: Held, report: Report, author: Author) -> None:
        self._iota, self._report, self._author = iota, report, author
        self._held = {topic: held.get(topic, {}) for topic in KINDS}
        self._keys = {d.device: d.uid for d in self._kept(PHYSICAL, PhysicalDevice) if d.deleted_at is None}
        self._physical: dict[int, PhysicalDevice] = {}
        self._logical: dict[int, LogicalDevice] = {}
        self._new: dict[str, dict[str, Struct]] = {}

    def plan(self) -> Import:
        """See ``plan``."""
        for table in (*REGISTRY, RAW, *LEFT_OUT):
            if self._iota.columns(table):
                (self._report.left if table in LEFT_OUT else self._report.rows)[table] = self._iota.count(table)
        for found in self._parsed("physical_devices", self._physical_device):
            self._take(PHYSICAL, found, self._physical)
        for thing in self._parsed("logical_devices", self._logical_device):
            self._take(LOGICAL, thing, self._logical)
        self._map()
        self._take_sources()
        self._take_users()
        self._take_notes()
        self._report.added = {topic: len(records) for topic, records in self._new.items() if records}
        return Import(self._writes(SOURCES), self._ordered(), self._report, self._origins())

    def _physical_device(self, row: Row) -> PhysicalDevice:
        uid, source = number(row["uid"]), row["source_name"] or ""
        ids = texts(tree(row.get("source_ids")))
        place = self._location(row, f"physical device {uid}")
        name = row["name"] or str(uid)
        return PhysicalDevice(
            uid=uid,
            device=key_of(source, ids) or unnamed_key(source, uid),
            source=source,
            name=name,
            location=place,
            last_seen=self._seen(row, f"physical device {uid}"),
            source_ids=ids,
            properties=self._properties(row),
            # IoTa renamed and moved no device by itself, so what it is called and where it is was a person's last word.
            edited=["name", "location"] if place else ["name"],
            **self._author.stamp(),
        )

    def _logical_device(self, row: Row) -> LogicalDevice:
        uid = number(row["uid"])
        return LogicalDevice(
            uid=uid,
            name=row["name"] or str(uid),
            location=self._location(row, f"logical device {uid}"),
            last_seen=self._seen(row, f"logical device {uid}"),
            properties=self._properties(row),
            **self._author.stamp(),
        )

    def _take(self, topic: str, record: Any, known: dict[int, Any]) -> None:
        """A device that is new, or was imported before, or cannot have its number."""
        here = self._held_record(topic, str(record.uid))
        if isinstance(record, PhysicalDevice):
            record = self._with_own_key(record, here)
        if here is None:
            known[record.uid] = record
            self._new.setdefault(topic, {})[str(record.uid)] = record
        elif self._is_same(record, here):
            known[record.uid] = here
            self._report.already[topic] = self._report.already.get(topic, 0) + 1
            if here.name != record.name:
                self._report.noted.append(f"{topic} {record.uid} is called {here.name} here, {record.name} in IoTa")
        else:
            what = "was removed here" if identity(here) is None else f"belongs to {here.name} here"
            self._report.refused.append(f"{topic} {record.uid} ({record.name}): the number {record.uid} {what}")

    def _with_own_key(self, record: PhysicalDevice, here: Any) -> PhysicalDevice:
        other = self._keys.get(record.device)
        if other is not None and other != record.uid and other in self._physical:
            unnamed = unnamed_key(record.source, record.uid)
            self._report.noted.append(
                f"physical device {record.uid} ({record.name}) has the identity of {other} ({record.device}); its key is {unnamed}"
            )
            return msgspec.structs.replace(record, device=unnamed)
        if other is not None and other != record.uid:
            self._report.refused.append(
                f"{PHYSICAL} {record.uid} ({record.name}): {record.device} is physical device {other} here already"
            )
        elif record.device == unnamed_key(record.source, record.uid) and here is None:
            self._report.noted.append(
                f"physical device {record.uid} ({record.name}): its source ids do not say which device of {record.source} it "
                f"is; its key is {record.device}"
            )
        self._keys.setdefault(record.device, record.uid)
        return record

    @staticmethod
    def _is_same(record: Any, here: Any) -> bool:
        """Imported before: devices that were made here know when."""
        if identity(here) is None:
            return False
        return bool(here.device == record.device) if isinstance(record, PhysicalDevice) else not here.created_at

    def _map(self) -> None:
        rows = list(self._parsed("physical_logical_map", self._mapped))
        found = mappings.resolve(rows, {uid: device.last_seen for uid, device in self._logical.items()})
        fresh = {uid for uid, device in self._physical.items() if self._is_unmapped(device)}
        self._report.repairs = [said for uid, said in found.repairs if uid in fresh]
        fed = self._fed_here()
        for uid in sorted(fresh):
            device = self._physical[uid]
            free = [interval for interval in found.intervals.get(uid, []) if self._is_free(uid, interval, fed)]
            mapping = DeviceMapping(device=device.device, physical_uid=uid, intervals=free, **self._author.stamp())
            if free or device.device not in self._held[MAPPING]:
                self._new.setdefault(MAPPING, {})[device.device] = mapping
        self._report.already[MAPPING] = len(self._physical) - len(fresh)

    def _is_unmapped(self, device: PhysicalDevice) -> bool:
        here: Any = self._held_record(MAPPING, device.device)
        return here is None or not here.intervals

    def _fed_here(self) -> dict[int, list[Interval]]:
        fed: dict[int, list[Interval]] = {}
        for mapping in self._kept(MAPPING, DeviceMapping):
            for interval in mapping.intervals:
                fed.setdefault(interval.logical_uid, []).append(interval)
        return fed

    def _is_free(self, uid: int, interval: Interval, fed: Mapping[int, list[Interval]]) -> bool:
        clash = any(_overlap(interval, other) for other in fed.get(interval.logical_uid, ()))
        if clash:
            self._report.skipped.append(
                f"physical {uid} to logical {interval.logical_uid} from {to_text(interval.start)}: another device feeds it here then"
            )
        return not clash

    def _mapped(self, row: Row) -> Mapped:
        physical, logical = number(row["physical_uid"]), number(row["logical_uid"])
        start, end = time(row["start_time"]), time(row["end_time"])
        if physical not in self._physical or logical not in self._logical:
            raise Unfit(f"physical {physical} or logical {logical} is missing")
        if start is None or (end is not None and end <= start):
            raise Unfit(f"physical {physical} to logical {logical} ends before it starts, or never starts")
        active = truth(row.get("is_active"), default=True)
        return Mapped(physical, logical, start, end, active)

    def _take_sources(self) -> None:
        named = {row["source_name"] for row in self._iota.rows("sources")} | {d.source for d in self._physical.values()}
        for name in sorted(filter(None, named)):
            if name not in self._held[SOURCES]:
                self._new.setdefault(SOURCES, {})[name] = Source(name=name, **self._author.stamp())

    def _take_users(self) -> None:
        known = {user.username for user in self._kept(USERS, User) if user.deleted_at is None}
        uid = max(map(int, self._held[USERS]), default=0)
        for row in self._iota.rows("users"):
            name = row["username"] or ""
            if name in known:
                self._report.already[USERS] = self._report.already.get(USERS, 0) + 1
            elif not USERNAME.fullmatch(name):
                self._report.skipped.append(f"user {name!r}: no name that a login can have")
            else:
                uid += 1
                role = READ_ONLY if truth(row.get("read_only"), default=True) else ADMIN
                user = User(uid=uid, username=name, password="", role=role, valid=False, **self._author.stamp())
                self._new.setdefault(USERS, {})[str(uid)] = user

    def _take_notes(self) -> None:
        for row in self._iota.rows("device_notes"):
            try:
                uid, physical, at = number(row["uid"]), number(row["physical_uid"]), time(row["ts"])
            except Unfit as fault:
                self._report.skipped.append(f"device_notes {row.get('uid')}: {fault}")
                continue
            here = self._held_record(NOTES, str(uid))
            if here is not None and (here.physical_uid, here.at) == (physical, at or 0):
                self._report.already[NOTES] = self._report.already.get(NOTES, 0) + 1
            elif here is not None:
                self._report.refused.append(f"{NOTES} {uid}: the number {uid} is another note here")
            elif physical not in self._physical:
                self._report.skipped.append(f"device_notes {uid}: physical device {physical} is missing")
            else:
                note = DeviceNote(
                    uid=uid, physical_uid=physical, at=at or 0, note=row["note"] or "", **self._author.stamp()
                )
                self._new.setdefault(NOTES, {})[str(uid)] = note

    def _location(self, row: Row, what: str) -> Any:
        try:
            return location(row.get("location"))
        except Unfit as fault:
            self._report.noted.append(f"{what}: its location is left out: {fault}")
            return None

    def _seen(self, row: Row, what: str) -> int | None:
        try:
            return time(row.get("last_seen"))
        except Unfit as fault:
            self._report.noted.append(f"{what}: when it was last seen is left out: {fault}")
            return None

    @staticmethod
    def _properties(row: Row) -> str:
        kept = {name: value for name, value in tree(row.get("properties")).items() if name not in COPIES}
        return msgspec.json.encode(kept).decode()

    def _parsed(self, table: str, make: Any) -> Iterator[Any]:
        """By uid, so that of two with one identity the first keeps it, as IoTa looked them up."""
        for row in sorted(self._iota.rows(table), key=lambda row: (len(row.get("uid") or ""), row.get("uid") or "")):
            try:
                yield make(row)
            except Unfit as fault:
                self._report.skipped.append(f"{table} {row.get('uid') or ''}: {fault}".replace(" :", ":"))

    def _kept(self, topic: str, kind: type[T]) -> Iterator[T]:
        return (avro.decode(record, kind) for record in self._held[topic].values())

    def _held_record(self, topic: str, key: str) -> Any:
        record = self._held[topic].get(key)
        return None if record is None else avro.decode(record, KINDS[topic])

    def _writes(self, topic: str) -> list[Write]:
        """The highest numbers first, so that nothing new can take one that is still to come."""
        new = self._new.get(topic, {})
        keys = sorted(new, key=lambda key: (len(key), key), reverse=True)
        return [Write(topic, key, new[key], identity(self._held_record(topic, key))) for key in keys]

    def _ordered(self) -> list[Write]:
        return [write for topic in (LOGICAL, PHYSICAL, MAPPING, NOTES, USERS) for write in self._writes(topic)]

    def _origins(self) -> dict[int, Origin]:
        return {uid: Origin(device.name, device.source_ids) for uid, device in self._physical.items()}


def _overlap(one: Interval, other: Interval) -> bool:
    return (other.end is None or one.start < other.end) and (one.end is None or other.start < one.end)
