"""Ports of tests: nobody else's, before anybody listens on them."""

import socket
import subprocess
import sys

from tests.ports import BLOCK, HIGHEST, LOWEST, free_port, free_row

ASK = "from tests.ports import free_port\nprint(*[free_port() for _ in range(50)])\ninput()"


def test_the_system_gives_none_of_them_to_a_connection() -> None:
    assert LOWEST <= free_port() < HIGHEST < 32_768


def test_no_other_process_is_given_the_same() -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    given = [{free_port() for _ in range(50)}]
    given += [set(map(int, other.stdout.readline().split())) for other in others if other.stdout]
    for other in others:
        other.communicate("\n")

    assert [len(ports) for ports in given] == [50, 50, 50, 50]
    assert len(set.union(*given)) == 200


def test_a_row_is_all_free_and_overlaps_no_other() -> None:
    rows = [set(range(first, first + 16)) for first in (free_row(16), free_row(16), free_row(16))]
    assert len(set.union(*rows)) == 48


def test_a_port_somebody_listens_on_is_passed_over() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        assert other.getsockname()[1] not in {free_port() for _ in range(BLOCK)}
