"""What Kafka is told at its first start."""

from deploy.local.kafka import cluster_id


def test_a_cluster_id_never_looks_like_an_option() -> None:
    assert cluster_id(bytes([0xFB, *range(15)])) == "SQABAgMEBQYHCAkKCwwNDg"
    assert cluster_id(bytes([0x00, *range(15)])) == "SQABAgMEBQYHCAkKCwwNDg"
