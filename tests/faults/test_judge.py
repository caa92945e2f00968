"""What the judge adds to the comparison of an installation."""

from collections import Counter
from pathlib import Path

from connectors.simulator.fleet import Message
from connectors.simulator.ledger import Ledger, fingerprint
from connectors.verify.compare import Difference
from connectors.verify.log_side import LogSide
from connectors.verify.report import Report
from tests.faults.judge import Verdict, fill, unsent
from tests.faults.result import Result


def report(*contents: bytes) -> Report:
    log = LogSide(fingerprints=Counter(fingerprint("json", content) for content in contents))
    return Report(log, [Difference("points", 1, 0, 0, 0, ())], 0, Counter(), Counter())


def test_a_raw_record_that_nobody_sent_is_extra(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger-1.ndjson") as book:
        for content, acknowledged in ((b"confirmed", True), (b"not confirmed", False)):
            book.write(Message(0, "", "", "json", "", "", content), acknowledged=acknowledged, tries=1)
    found = report(b"confirmed", b"confirmed", b"not confirmed", b"half of")

    strangers, result = unsent(found, [tmp_path / "ledger-1.ndjson"]), Result(name="a", row=1, seed=1)
    fill(result, Verdict(found, [], unsent=strangers))

    assert strangers == {fingerprint("json", b"half of")}
    assert (result.missing, result.extra, result.wrong) == (0, 1, 0)
    assert result.faults == [f"in raw, sent by nobody: {fingerprint('json', b'half of')}"]
