"""Topic patterns that name levels: ``plant/{site}/{gateway}/{device}/#``.

The named levels are who sends: together they are the identity, one by one they are tags. ``+`` is any level, ``#`` at the
end any number of further ones: they lead the measurement's name. What a device is called elsewhere does not matter, so one
that people rename stays the same device.
"""

from msgspec import Struct


class Found(Struct, frozen=True, gc=False):
    """What a topic says: the named levels in order, and the levels that are left for the measurement's name."""

    tags: dict[str, str]
    rest: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The named levels, joined by a slash."""
        return "/".join(self.tags.values())


def fault(pattern: str) -> str | None:
    """What is wrong with the pattern, else None."""
    levels = pattern.split("/")
    names = [level[1:-1] for level in levels if _is_named(level)]
    if len(set(names)) < len(names) or "id" in names or "" in names:
        return "names of levels are distinct, not empty and not id"
    if any("#" in level and (level != "#" or at != len(levels) - 1) for at, level in enumerate(levels)):
        return "'#' must stand alone, at the end"
    if any(set(level) & set("+{}") and level != "+" and not _is_named(level) for level in levels):
        return "'+' and '{name}' must fill a whole level"
    return None


def match(pattern: str, topic: str) -> Found | None:
    """What the topic says by this pattern; None when it does not match."""
    wanted, levels = pattern.split("/"), topic.split("/")
    open_end = wanted[-1] == "#"
    if open_end:
        wanted = wanted[:-1]
    if len(levels) < len(wanted) or (len(levels) > len(wanted) and not open_end):
        return None
    tags: dict[str, str] = {}
    for want, level in zip(wanted, levels, strict=False):
        if _is_named(want):
            tags[want[1:-1]] = level
        elif want not in ("+", level):
            return None
    return None if "" in tags.values() else Found(tags, tuple(levels[len(wanted) :]))


def _is_named(level: str) -> bool:
    return len(level) > 1 and level[0] == "{" and level[-1] == "}" and not set(level[1:-1]) & set("{}+#")
