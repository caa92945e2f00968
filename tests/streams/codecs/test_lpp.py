import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codecs.lpp import CODEC
from streams.core.codec import Call
from streams.core.message import Rejected, Sender, Value

SENDER = Sender(device="ttn:1", source_ids={})


def read(payload: bytes) -> list[tuple[str, object, str]] | str:
    answer = CODEC.run([Call(payload, 1, 5, SENDER)])[0]
    return answer.reason if isinstance(answer, Rejected) else [(v.name, v.value, v.unit) for v in answer]


@pytest.mark.parametrize(
    ("frame", "values"),
    [
        ("03 67 01 10 05 67 00 FF", [("temperature_3", 27.2, "°C"), ("temperature_5", 25.5, "°C")]),
        ("01 67 FF D7", [("temperature_1", -4.1, "°C")]),
        ("00 00 01 01 01 00", [("digital_in_0", 1, ""), ("digital_out_1", 0, "")]),
        ("02 02 01 48 02 03 FE B8", [("analog_in_2", 3.28, ""), ("analog_out_2", -3.28, "")]),
        ("01 64 FF FF FF FF", [("generic_1", 4294967295, "")]),
        ("01 65 FF FF", [("luminosity_1", 65535, "lx")]),
        ("FF 66 01", [("presence_255", 1, "")]),
        ("01 68 51", [("relative_humidity_1", 40.5, "%")]),
        (
            "06 71 04 D2 FB 2E 00 00",
            [("accelerometer_6.x", 1.234, "g"), ("accelerometer_6.y", -1.234, "g"), ("accelerometer_6.z", 0, "g")],
        ),
        ("01 73 27 94", [("barometric_pressure_1", 1013.2, "hPa")]),
        ("01 74 01 73 01 75 03 E8", [("voltage_1", 3.71, "V"), ("current_1", 1.0, "A")]),
        ("01 76 33 BE 27 A0", [("frequency_1", 868100000, "Hz")]),
        ("01 78 64 01 79 FF 9C", [("percentage_1", 100, "%"), ("altitude_1", -100, "m")]),
        ("01 7D 03 08 01 80 03 E8", [("concentration_1", 776, "ppm"), ("power_1", 1000, "W")]),
        ("01 82 00 00 05 DC 01 83 00 01 E2 40", [("distance_1", 1.5, "m"), ("energy_1", 123.456, "kWh")]),
        ("01 84 01 0E 01 85 66 3E A7 70", [("direction_1", 270, "°"), ("unix_time_1", 1715382128, "s")]),
        (
            "01 86 00 64 FF 9C 01 2C",
            [("gyrometer_1.x", 1.0, "°/s"), ("gyrometer_1.y", -1.0, "°/s"), ("gyrometer_1.z", 3.0, "°/s")],
        ),
        ("01 87 01 02 FF", [("color_1.r", 1, ""), ("color_1.g", 2, ""), ("color_1.b", 255, "")]),
        (
            "01 88 06 76 5F F2 96 0A 00 03 E8",
            [("gps_1.latitude", 42.3519, "°"), ("gps_1.longitude", -87.9094, "°"), ("gps_1.altitude", 10.0, "m")],
        ),
        ("01 8E 01", [("switch_1", 1, "")]),
        (
            "01 F0 09 E3 01 02 03 04 05 06 11 02 66 01",
            [("polyline_1", "09e301020304050611", ""), ("presence_2", 1, "")],
        ),
        ("", []),
    ],
)
def test_reads_every_type(frame: str, values: list[tuple[str, float, str]]) -> None:
    assert read(bytes.fromhex(frame)) == values


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("03 67 01 10 05", "truncated"), ("03 67 01", "truncated"), ("03 67", "truncated"), ("03", "truncated"),
        ("03 67 01 10 05 FE 00", "unknown-type"), ("01 F0 07 E3 01 02 03 04 05", "truncated"), ("01 F0", "truncated"),
        ("01 F0 0A E3 01 02 03 04 05 06 11", "truncated"),
    ],
)  # fmt: skip
def test_fails_a_bad_frame_as_a_whole(frame: str, reason: str) -> None:
    assert read(bytes.fromhex(frame)) == reason


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_answers_each_call_whatever_its_bytes(payloads: list[bytes]) -> None:
    answers = CODEC.run([Call(payload, 1, 5, SENDER) for payload in payloads])

    assert len(answers) == len(payloads)
    for answer in answers:
        assert isinstance(answer, Rejected) or all(isinstance(v, Value) and v.time == 5 for v in answer)
