"""Ports: free, below the ephemeral range, and never given to two cities."""

import socket

from jingting.ports import Ports, is_free


def test_ports_are_free_distinct_and_below_the_ephemeral_range():
    ports = Ports()
    taken = {ports.take() for _ in range(50)}
    assert len(taken) == 50
    assert all(20_000 <= port <= 32_767 and is_free(port) for port in taken)
    assert not ports.stolen()
    ports.release()


def test_a_port_somebody_else_listens_on_is_noticed():
    ports = Ports()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", ports.take()))
        listening.listen()
        assert ports.stolen()
    ports.release()


def test_what_one_city_took_no_other_is_given(monkeypatch):
    first, second = Ports(), Ports()
    wanted = iter([25_000, 25_000, 25_001])
    monkeypatch.setattr("random.randint", lambda _low, _high: next(wanted))
    one = first.take()
    assert second.take() != one
    first.release()
    second.release()
