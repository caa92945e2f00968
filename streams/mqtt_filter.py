"""MQTT topic filters as the settings need them: is one well formed, can one topic match two of them."""

SHARED = "$share/"


def fault(filter: str) -> str | None:
    """What is wrong with the filter (MQTT 5, section 4.7), else None."""
    levels = plain(filter).split("/")
    if plain(filter) == "" or (filter.startswith(SHARED) and filter.count("/") < 2):
        return "is empty"
    if "\0" in filter or len(filter.encode()) > 65_535:
        return "holds a NUL or is longer than 65535 bytes"
    if any("#" in level and (level != "#" or at != len(levels) - 1) for at, level in enumerate(levels)):
        return "'#' must stand alone, at the end"
    if any("+" in level and level != "+" for level in levels):
        return "'+' must fill a whole level"
    return None


def plain(filter: str) -> str:
    """The filter without the group of a shared subscription."""
    return filter.split("/", 2)[-1] if filter.startswith(SHARED) else filter


def overlap(first: str, second: str) -> bool:
    """Whether some topic matches both filters."""
    return _overlap(plain(first).split("/"), plain(second).split("/"), top=True)


def _overlap(a: list[str], b: list[str], *, top: bool = False) -> bool:
    if not a or not b:
        return a in (b, ["#"]) or b == ["#"]
    if top and any(wild[0] in {"#", "+"} and other[0].startswith("$") for wild, other in ((a, b), (b, a))):
        return False  # a leading wildcard does not match $SYS and the like
    if "#" in {a[0], b[0]}:
        return True
    return ("+" in {a[0], b[0]} or a[0] == b[0]) and _overlap(a[1:], b[1:])
