"""The laws of every RawWriter. A test class names a ``writing`` that opens one and says what it made durable."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
from msgspec import Struct

from connectors.sources.base import Full, RawWriter
from connectors.sources.receipt import receive
from streams.core.records import RawRecord


class Written(Struct):
    """A writer, and what has become durable behind it (asked for only after ``close``)."""

    writer: RawWriter
    durable: Callable[[], Coroutine[Any, Any, list[RawRecord]]]


Writing = Callable[[], AbstractAsyncContextManager[Written]]


def record(payload: bytes = b"{}", address: str = "json/a", **headers: str) -> RawRecord:
    return receive("json", "mqtt", address, payload, headers=headers.items(), content_type="x/y", connector="test")


class RawWriterLaws:
    """What holds for every implementation."""

    @pytest.fixture
    def writing(self) -> Writing:
        raise NotImplementedError

    def test_keeps_a_record_as_it_was(self, writing: Writing) -> None:
        every_byte = record(bytes(range(256)), "a/é/" + "x" * 200, qos="1", **{"user:ü": "ß\n\0"})

        async def scenario() -> None:
            async with writing() as written:
                await written.writer.write(every_byte)
                await written.writer.write(empty := record(b""))
                await written.writer.close()
                assert await written.durable() == [every_byte, empty]

        asyncio.run(scenario())

    def test_takes_records_at_the_same_time(self, writing: Writing) -> None:
        records = [record(b"%d" % number, f"json/{number % 7}") for number in range(300)]

        async def scenario() -> None:
            async with writing() as written:
                await asyncio.gather(*(written.writer.write(one) for one in records))
                await written.writer.close()
                assert {one.id for one in await written.durable()} == {one.id for one in records}

        asyncio.run(scenario())

    def test_calls_done_once_per_record_and_in_its_turn(self, writing: Writing) -> None:
        records = [record(b"%d" % number) for number in range(50)]
        called: list[str] = []

        async def scenario() -> None:
            async with writing() as written:
                for one in records:
                    written.writer.submit(one, partial(called.append, one.id))
                assert called == [], "nothing is durable before the loop has turned"
                await written.writer.write(record(b"last"))
                await written.writer.close()

        asyncio.run(scenario())
        assert called == [one.id for one in records]

    def test_has_room_at_first(self, writing: Writing) -> None:
        async def scenario() -> None:
            async with writing() as written:
                assert written.writer.has_room()

        asyncio.run(scenario())

    def test_refuses_what_comes_after_close(self, writing: Writing) -> None:
        async def scenario() -> None:
            async with writing() as written:
                await written.writer.close()
                with pytest.raises(Full):
                    await written.writer.write(record())

        asyncio.run(scenario())

    def test_may_be_closed_twice(self, writing: Writing) -> None:
        async def scenario() -> None:
            async with writing() as written:
                await written.writer.write(one := record())
                await written.writer.close()
                await written.writer.close()
                assert await written.durable() == [one]

        asyncio.run(scenario())

    def test_outlives_a_sender_that_does_not_wait(self, writing: Writing) -> None:
        async def scenario() -> None:
            async with writing() as written:
                impatient = asyncio.create_task(written.writer.write(record(b"gone")))
                await asyncio.sleep(0)
                impatient.cancel()
                await written.writer.write(one := record(b"stays"))
                await written.writer.close()
                assert one in await written.durable()

        asyncio.run(scenario())
