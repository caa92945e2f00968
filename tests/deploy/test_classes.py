"""Classes are laid out once per Java and set of jars, and a Java that makes none starts without."""

import os
import socket
import sys
from pathlib import Path

import pytest

from deploy.local import classes
from deploy.local.plan import Port, Process, StackError, Tcp
from tests.ports import free_port

LAYS_OUT = (
    'for a; do case $a in -XX:SharedArchiveFile=*) echo laid out > "${a#*=}"; echo once >> "$0.made";; esac; done'
)


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    directory = tmp_path / "jars" / "server-1"
    directory.mkdir(parents=True)
    (directory / "server.jar").touch()
    return directory


def fake(tmp_path: Path, script: str) -> str:
    program = tmp_path / "java"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def listens(scratch: Path) -> Process:
    """It does nothing but that; `-X…`, which a JVM understands, is nothing to Python."""
    port = free_port()
    script = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    return Process("server", (sys.executable, "-c", script), ready=Tcp(port), ports=(Port(port, "port"),))


def asked(port: int) -> None:
    """Only what is there to be asked can be: it is asked while it listens."""
    with socket.create_connection(("127.0.0.1", port), 1):
        pass


def times_made(java: str) -> int:
    return len(Path(f"{java}.made").read_text().splitlines())


def test_it_is_made_once(tmp_path: Path, jars: Path) -> None:
    java = fake(tmp_path, LAYS_OUT)

    made = classes.provide(java, jars, listens, asked)

    assert made is not None
    assert made.parent == jars
    assert made.read_text() == "laid out\n"
    assert classes.provide(java, jars, listens, asked) == made
    assert times_made(java) == 1
    assert [file.name for file in jars.parent.iterdir()] == [jars.name]


def test_jars_that_were_fetched_again_want_another(tmp_path: Path, jars: Path) -> None:
    java = fake(tmp_path, LAYS_OUT)
    made = classes.provide(java, jars, listens, asked)
    assert made is not None
    os.utime(made, (1_000_000, 1_000_000))

    assert classes.provide(java, jars, listens, asked) == made
    assert times_made(java) == 2


@pytest.mark.parametrize("script", [LAYS_OUT, 'echo once >> "$0.made"; exit 1'])
def test_jars_from_a_time_when_the_clock_was_ahead_are_laid_out_once(tmp_path: Path, jars: Path, script: str) -> None:
    java = fake(tmp_path, script)
    os.utime(jars / "server.jar", (4_000_000_000, 4_000_000_000))
    first = classes.provide(java, jars, listens, asked)

    assert not classes.missing(classes.place(java, jars))
    assert classes.provide(java, jars, listens, asked) == first


def test_jars_that_were_fetched_again_after_the_clock_was_set_back_want_another(tmp_path: Path, jars: Path) -> None:
    java = fake(tmp_path, LAYS_OUT)
    classes.provide(java, jars, listens, asked)
    os.utime(jars / "server.jar", (1_000_000, 1_000_000))

    classes.provide(java, jars, listens, asked)

    assert times_made(java) == 2


def test_another_java_has_another(tmp_path: Path, jars: Path) -> None:
    java = fake(tmp_path, "echo 17 >&2")
    first = classes.place(java, jars)

    fake(tmp_path, "echo 21 >&2")

    assert classes.place(java, jars) != first


def test_a_java_that_makes_none_starts_without_and_is_not_asked_again(tmp_path: Path, jars: Path) -> None:
    java = fake(tmp_path, 'echo once >> "$0.made"; exit 1')

    assert [classes.provide(java, jars, listens, asked) for _ in range(2)] == [None, None]
    assert times_made(java) == 3, "twice for its version, once to lay out"
    assert classes.options(None) == ()


def test_a_server_that_ends_on_trial_is_laid_out_in_no_way(tmp_path: Path, jars: Path) -> None:
    java = fake(tmp_path, LAYS_OUT)

    def ends(_: Path) -> Process:
        return Process("server", ("true",), ready=Tcp(free_port()))

    assert classes.provide(java, jars, ends, asked) is None


def test_a_server_that_cannot_be_tried_is_no_fault_here(tmp_path: Path, jars: Path) -> None:
    def refused(_: Path) -> Process:
        raise StackError("cannot be formatted")

    assert classes.provide(fake(tmp_path, LAYS_OUT), jars, refused, asked) is None


def test_a_server_that_does_not_serve_on_trial_is_laid_out_in_no_way(tmp_path: Path, jars: Path) -> None:
    ports = []

    def silent(port: int) -> None:
        ports.append(port)
        raise StackError("no answer")

    assert classes.provide(fake(tmp_path, LAYS_OUT), jars, listens, silent) is None
    assert len(ports) == 1
