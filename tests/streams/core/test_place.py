from hypothesis import given
from hypothesis import strategies as st

from streams.core.place import place, present
from streams.core.records import DeviceMapping, Interval, Measurement, Pause, Variable

times = st.integers(0, 60)


@st.composite
def pauses(draw: st.DrawFn, start: int, end: int | None) -> list[Pause]:
    edges = sorted(draw(st.lists(st.integers(start, 60 if end is None else end), unique=True, max_size=4)))
    closed = [Pause(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    return [*closed, Pause(edges[-1])] if len(edges) % 2 else closed


@st.composite
def mappings(draw: st.DrawFn) -> DeviceMapping:
    edges = sorted(draw(st.lists(times, unique=True, max_size=8)))
    spans: list[tuple[int, int | None]] = list(zip(edges[::2], edges[1::2], strict=False))
    if len(edges) % 2:
        spans.append((edges[-1], None))
    intervals = [Interval(100 + n, a, b, draw(pauses(a, b))) for n, (a, b) in enumerate(spans)]
    return DeviceMapping(device="ttn:1", physical_uid=1, intervals=intervals)


def naive(mapping: DeviceMapping, time: int) -> int | None:
    """The definition, word for word, over every interval and pause."""
    answers = []
    for interval in mapping.intervals:
        contains = interval.start <= time and (interval.end is None or time < interval.end)
        paused = any(p.start <= time and (p.end is None or time < p.end) for p in interval.pauses)
        if contains and not paused:
            answers.append(interval.logical_uid)
    assert len(answers) <= 1
    return answers[0] if answers else None


@given(mapping=mappings(), time=times)
def test_agrees_with_the_definition_at_every_time(mapping: DeviceMapping, time: int) -> None:
    assert place(mapping, time) == naive(mapping, time)


@given(mapping=mappings())
def test_includes_a_start_and_excludes_an_end(mapping: DeviceMapping) -> None:
    for interval in mapping.intervals:
        if not interval.pauses:
            assert place(mapping, interval.start) == interval.logical_uid
            assert interval.end is None or place(mapping, interval.end) != interval.logical_uid


def test_leaves_an_unmapped_device_unplaced() -> None:
    assert place(None, 5) is None
    assert place(DeviceMapping(device="ttn:1", physical_uid=1), 5) is None


def shown(measurement: Measurement, *variables: Variable) -> Measurement | None:
    interval = Interval(7, 10, 20, [Pause(15, 16)], list(variables))
    return present(measurement, DeviceMapping(device="ttn:1", physical_uid=1, intervals=[interval]))


def test_presents_under_the_mappings_names_and_scales() -> None:
    variable = Variable("t", "temperature", 0.1, -4.0)

    assert shown(Measurement("t", "C", 12, 250.0, None), variable) == Measurement(
        "temperature", "C", 12, 21.0, None, 0, 7
    )
    assert shown(Measurement("t", "", 12, None, "ON"), variable) == Measurement("temperature", "", 12, None, "ON", 0, 7)
    assert shown(Measurement("u", "C", 12, 250.0, None), variable) == Measurement("u", "C", 12, 250.0, None, 0, 7)


def test_presents_nothing_that_is_dropped_paused_unmapped_or_infinite() -> None:
    measurement = Measurement("t", "C", 12, 1e300, None)

    assert shown(measurement, Variable("t", drop=True)) is None
    assert shown(measurement, Variable("t", scale=1e300)) is None
    assert shown(Measurement("t", "C", 15, 1.0, None)) is None
    assert shown(Measurement("t", "C", 20, 1.0, None)) is None
    assert present(measurement, None) is None
