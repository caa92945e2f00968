"""A webhook that holds work and does not move ends with status 70, and comes back without loss."""

from pathlib import Path

import httpx

from tests.ports import free_port
from tests.stack import doors
from tests.stack.harness import Installation, eventually
from tests.stack.proxy import Proxy
from tests.stack.stalling import ended, stuck


def test_a_webhook_whose_spool_stands_still_ends_and_loses_nothing(
    installation: Installation, tmp_path: Path, proxy: Proxy
) -> None:
    port, log = free_port(), tmp_path / "webhook.log"
    at = installation.with_settings(
        webhook={"port": port},
        kafka={"bootstrap_servers": proxy.address},
        spool=installation.overrides["spool"] | {"takeover_s": 0.3},
    )
    process = stuck(at, "forgets-its-spool", "run", "webhook", section="webhook", log=log)
    eventually(process.ready)
    proxy.shut()
    bodies = {b"%d" % number for number in range(20)}
    for body in bodies:
        assert httpx.post(f"http://127.0.0.1:{port}/webhooks/json", content=body).status_code == 204
    assert process.popen.poll() is None
    proxy.open()

    assert ended(process, "spool of webhook")

    direct = at.with_settings(kafka={"bootstrap_servers": installation.stack.kafka})
    direct.start("run", "webhook", section="webhook", log=log)
    eventually(lambda: bodies <= {record.payload for record in doors.raw(installation)})
