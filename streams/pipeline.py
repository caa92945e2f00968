"""From settings and registry records to the core's context: the same for the agent, verification and replay."""

from collections.abc import Callable, Iterable, Mapping

from streams.core.decode import Context
from streams.core.message import Decoder
from streams.core.records import Codec, DeviceMapping, Rule
from streams.settings import DecodeSettings


def decoders(settings: DecodeSettings) -> Mapping[str, Decoder]:
    """Every decoder by its source; doors use ``key`` only."""
    raise NotImplementedError


def context(
    settings: DecodeSettings,
    mapping: Callable[[str], DeviceMapping | None] = {}.get,
    *,
    mapping_position: int = -1,
    rules: Iterable[Rule] = (),
    codecs: Iterable[Codec] = (),
) -> Context:
    """The context of decoding. For another mapping position: ``msgspec.structs.replace(context, mapping_position=…)``."""
    raise NotImplementedError
