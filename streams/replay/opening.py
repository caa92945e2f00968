"""The generation that a correction, or its undo, is written at: above that of every row where it writes."""

import time

from streams.core.times import to_text
from streams.replay.course import Course, Office
from streams.replay.store import ReplayStore

KNOWN_AFTER_S = 1.0
"""an open generation is known to every worker after this time; a worker that stood still is masked by its offsets"""
LOOK_S = 0.25
FIELDS = {"apply": "generation", "undo": "undo_generation"}


def generation(course: Course, office: Office, store: ReplayStore, what: str) -> int:
    """The one of an earlier attempt, else a new one; returns when every worker knows it.

    Raises:
        Stopped, Cancelled: the work ends here.
    """
    course.begin(f"opening a generation to {what}")
    number: int = getattr(course.replay, FIELDS[what]) or _opened(course, office, store, what)
    course.note(**{FIELDS[what]: number})
    known = time.monotonic() + KNOWN_AFTER_S  # not by `opened_at`: somebody may set the clock back an hour
    while time.monotonic() < known:
        course.wait(LOOK_S)
    return number


def _opened(course: Course, office: Office, store: ReplayStore, what: str) -> int:
    """A registry that was restored gives numbers again: of generations that rows carry, and of the replay that asked for one."""
    above = store.newest_generation(course.id)
    return office.open_generation(f"replay {course.id} of {to_text(course.replay.created_at)}: {what}", above).number
