"""Patience with an API that may be away for a while, or slow."""

from collections.abc import Callable
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connectors.demo.mapping import Away

PATIENCE_S, PAUSE_S = 60, 0.5


def patiently(call: Callable[..., Any], *arguments: Any) -> Any:
    """What ``call`` answers, which is asked again until the API is there."""
    patient = Retrying(
        stop=stop_after_delay(PATIENCE_S), wait=wait_fixed(PAUSE_S), retry=retry_if_exception_type(Away), reraise=True
    )
    return patient(call, *arguments)
