"""A reader behind a serial server: `rfc2217://` and `socket://`, and what becomes of threads and lines."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from card_rig import Host, Simulator, identity_of, until

from drivers.serial_line import PORT_ERRORS, SerialLine

# pyserial names its own reader thread by old methods, and leaves a socket that has gone to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:setDaemon:DeprecationWarning", "ignore:setName:DeprecationWarning", "ignore:unclosed:ResourceWarning"
)


class Server:
    """`serial_server.py` as a process."""

    def __init__(self, line: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("serial_server.py"), line], stdout=subprocess.PIPE
        )
        self.url = f"rfc2217://127.0.0.1:{int(self.process.stdout.readline())}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path, "--seed", "1") as simulator:
        yield simulator


@pytest.fixture
def server(simulator):
    server = Server(simulator.link)
    yield server
    server.kill()


def pumps() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "serial-pump"]


async def test_a_card_is_read_through_an_rfc_2217_server(simulator, server):
    async with Host(server.url) as host:
        await host.ready()
        for card in ("card-1", "card-10", "card-11"):
            simulator.ask(f"put {card}")
            assert await host.read() == identity_of(card)
        assert host.reader.noise_bytes == 0
    assert not pumps()


async def test_the_servers_line_is_set_to_the_readers_speed_and_the_reader_to_ours(simulator, server):
    simulator.ask("speed 57600")
    async with Host(server.url) as host:
        await host.ready()
        assert simulator.ask("status")["baud"] == 115200
        simulator.ask("put card-2")
        assert await host.read() == identity_of("card-2")


async def test_a_server_that_dies_is_an_unplugged_reader_and_leaves_no_thread(simulator, server):
    async with Host(server.url) as host:
        await host.ready()
        simulator.ask("put card-1")
        reading = asyncio.create_task(host.read())
        await until(lambda: simulator.log("find"), "the reading to have begun")
        server.kill()
        with contextlib.suppress(Exception):
            await reading
        await until(lambda: host.reader.state == "absent", "the reader to be missed")
        await until(lambda: not pumps(), "the threads to end")
    assert not pumps()


async def test_nobody_listening_is_a_reader_that_cannot_be_opened():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with Host(f"rfc2217://127.0.0.1:{port}") as host:
        await until(lambda: host.states[-1:] == [("absent", "cannot_open")], "absent")


async def test_a_card_is_read_through_a_plain_socket_and_no_speed_is_tried_there(simulator):
    async def carry(reader, writer):
        line = SerialLine(str(simulator.link), on_bytes=writer.write, on_room=lambda: None)
        await line.open()
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                line.send(data)
        await line.close()
        writer.close()

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with Host(f"socket://127.0.0.1:{port}") as host:
            await host.ready()
            simulator.ask("put card-3")
            assert await host.read() == identity_of("card-3")
            assert not host.reader._line.has_speed


async def test_a_line_without_a_descriptor_brings_back_what_it_is_sent_and_is_bounded():
    heard = bytearray()
    line = SerialLine("loop://", on_bytes=heard.extend, on_room=lambda: None)
    await line.open()
    sent = os.urandom(3000)
    assert line.send(sent)
    await until(lambda: bytes(heard) == sent, "what was sent")
    assert len(pumps()) == 2
    await line.close()
    assert not pumps()
    assert not line.send(b"x")
    await line.open()
    await line.close()
    assert not pumps()


async def test_a_descriptor_stays_bounded_when_nobody_reads(monkeypatch):
    line = SerialLine("loop://", on_bytes=lambda _: None, on_room=lambda: None)
    await line.open()
    asyncio.get_running_loop().remove_reader(line._fd)
    for _ in range(150):
        line._port._port.write(bytes(4000))  # would wait for ever, were it not taken away
    await line.close()
    assert not pumps()


async def test_a_server_that_is_none_is_refused_in_words(tmp_path):
    async def deaf(_, writer):
        writer.close()

    async with await asyncio.start_server(deaf, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        line = SerialLine(f"rfc2217://127.0.0.1:{port}?timeout=0.2", on_bytes=lambda _: None, on_room=lambda: None)
        with pytest.raises(PORT_ERRORS):
            await line.open()
