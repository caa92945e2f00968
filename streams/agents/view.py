"""The registry as the agents see it: views that are caught up before the first record is decoded."""

import asyncio
from typing import Any

from mode import Service

from streams import metrics
from streams.core.records import DeviceMapping
from streams.settings import KafkaSettings
from streams.view import CompactedView

LOOK_S = 0.02


class MappingView(CompactedView[DeviceMapping]):
    """Every device's mapping, by device key; ``position`` is what a reading is placed with."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings, "device-mapping", DeviceMapping, self._changed)

    def _changed(self, _key: bytes, _mapping: DeviceMapping | None, offset: int) -> None:
        metrics.MAPPING_POSITION.set(offset)


class Views(Service):
    """Views as part of a Faust app: the app starts when they have caught up, and ends when one has ended."""

    def __init__(self, *views: CompactedView[Any]) -> None:
        self._views = views
        super().__init__()

    async def on_start(self) -> None:
        """Return when all have caught up."""
        for view in self._views:
            view.start()
        while not all(view.ready for view in self._views) and not self.should_stop:
            self._check()
            await asyncio.sleep(LOOK_S)

    @Service.timer(1.0)
    async def _watch(self) -> None:
        self._check()

    async def on_stop(self) -> None:
        """End their threads."""
        await asyncio.gather(*(asyncio.to_thread(view.stop) for view in self._views))

    def _check(self) -> None:
        for view in self._views:
            if not view.alive:
                raise RuntimeError(f"view of {view.name} ended: {view.error}")
