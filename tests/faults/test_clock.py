"""A process's wall clock goes as its files say; how long something takes does not change."""

import subprocess
import sys
import time
from pathlib import Path

from tests.faults import clock
from tests.stack.harness import eventually

PROGRAM = """
import sys, time
from pathlib import Path
began = time.monotonic()
from tests.faults import clock
clock.install(Path(sys.argv[1]), "decode")
from time import time_ns
print(time.time(), time_ns(), time.monotonic() - began, flush=True)
sys.stdin.read()
"""


def test_it_is_the_sum_of_what_is_wrong_with_all_and_with_one(tmp_path: Path) -> None:
    directory = tmp_path / "clocks"
    clock.write(directory, clock.ALL, 86_400)
    clock.write(directory, "decode", -600)
    clock.write(directory, "window", 7)

    command = [sys.executable, "-c", PROGRAM, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = process.stdout.readline().split()
        eventually(lambda: clock.seen(directory, "decode") == 85_800)
        clock.write(directory, clock.ALL, 0)
        eventually(lambda: clock.seen(directory, "decode") == -600)

    assert abs(float(told[0]) - time.time() - 85_800) < 60
    assert abs(int(told[1]) / 1e9 - time.time() - 85_800) < 60
    assert float(told[2]) < 60
    assert clock.seen(directory, "window") is None
