"""A tally names what is missing, extra, doubled and wrong; and counts what nobody can judge."""

from connectors.verify.compare import Difference
from connectors.verify.tally import Tally


def test_equal_sides_have_no_difference() -> None:
    tally = Tally("t")
    for key in ("a", "b"):
        tally.expect(key, b"1")
        tally.find(key, b"1")

    assert tally.close() == (Difference("t", 2, 0, 0, 0, ()), 0)


def test_what_differs_is_named() -> None:
    tally = Tally("t")
    for key in ("changed", "doubled", "missing"):
        tally.expect(key, b"1")
    tally.find("changed", b"2")
    tally.find("doubled", b"1")
    tally.find("doubled", b"1")
    tally.find("new", b"1")

    assert tally.close() == (
        Difference("t", 3, 1, 2, 1, ("missing missing", "extra new", "there 2 times: doubled", "wrong changed")),
        0,
    )


def test_a_key_may_have_several_right_contents_and_may_lack() -> None:
    tally = Tally("t")
    tally.expect("either", b"1")
    tally.expect("either", b"2")
    tally.find("either", b"2")
    tally.expect("absent", b"1", may_lack=True)

    assert tally.close() == (Difference("t", 1, 0, 0, 0, ()), 0)


def test_what_must_be_there_once_must_be_there() -> None:
    tally = Tally("t")
    tally.expect("line", may_lack=True)
    tally.expect("line")

    assert tally.close()[0].missing == 1


def test_an_open_group_is_counted_and_not_judged() -> None:
    tally = Tally("t")
    tally.expect("known", b"1", may_lack=True)
    tally.leave_open("group")
    tally.find("known", b"2", "group")
    tally.find("unknown", b"1", "group")

    assert tally.close() == (Difference("t", 0, 0, 0, 0, ()), 2)
