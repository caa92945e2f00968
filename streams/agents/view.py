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


class ViewService(Service):
    """A view as part of a Faust app: the app starts when it has caught up, and ends when it has ended."""

    def __init__(self, view: CompactedView[Any], **kwargs: Any) -> None:
        self.view = view
        super().__init__(**kwargs)

    async def on_start(self) -> None:
        """Return when the view has caught up."""
        self.view.start()
        while not self.view.ready and not self.should_stop:
            self._check()
            await asyncio.sleep(LOOK_S)

    @Service.timer(1.0)
    async def _watch(self) -> None:
        self._check()

    async def on_stop(self) -> None:
        """End the view's thread."""
        await asyncio.to_thread(self.view.stop)

    def _check(self) -> None:
        if not self.view.alive:
            raise RuntimeError(f"view of {self.view.name} ended: {self.view.error}")
