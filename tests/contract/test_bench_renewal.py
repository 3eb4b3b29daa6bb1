"""The measurement of renewals over real sockets counts right. How long things take is asserted nowhere."""

from __future__ import annotations

from bench import renewal


def test_a_renewal_is_four_requests_to_the_table_and_one_to_the_provider_and_no_token_is_sent_twice() -> None:
    found = renewal.measure(providers=2, rounds=2, size=8)

    assert (found.done, found.left) == (16, 0)
    assert (found.each("renewed"), found.told["refused"]) == (1, 0)
    assert (found.each("BatchGetItem"), found.each("UpdateItem")) == (2, 2)
    assert set(found.told) == {"renewed", "BatchGetItem", "UpdateItem"}
    for compared in (found.cpu, found.wall, found.cpu_beside_dynamodb, found.wall_beside_dynamodb):
        assert compared.ratio > 0


def test_what_tls_adds_is_measured_with_a_server_that_speaks_it() -> None:
    assert renewal.handshake(rounds=1).ratio > 0
