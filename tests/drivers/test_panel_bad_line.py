"""The driver on lines that no panel would make: floods, silence, stalls, ports that do not open."""

import asyncio
import logging
import os
import socket
import time

import psutil
import pytest
from panel_rig import DEADLINE_S, Host, RawPanel, until

from drivers.firmware import frames
from drivers.panel import Outputs, Panel

WELL = frames.Status("off", 0, False, 0, 0)


@pytest.fixture
def raw():
    raw = RawPanel()
    yield raw
    raw.close()


class Clock:
    """Runs as time does, and can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


def host_on(raw, clock):
    host = Host(raw.port)
    host.panel = Panel(
        "desk",
        raw.port,
        monotonic=clock,
        on_press=host._pressed,
        on_state=lambda state, reason: host.states.append((state, reason)),
    )
    return host


async def opened(host):
    await until(lambda: host.panel.state == "starting", "the port to open")


async def test_a_flood_leaves_the_loop_to_others(raw):
    async with Host(raw.port) as host:
        await opened(host)
        asked_at = time.monotonic()
        flood = os.urandom(1 << 12)
        worst_s = 0.0
        while host.panel.noise_bytes < 150_000:
            raw.write(flood)
            before = time.monotonic()
            await asyncio.sleep(0)
            worst_s = max(worst_s, time.monotonic() - before)
        assert worst_s < 1
        assert time.monotonic() - asked_at > 0.3, "read much faster than a serial line can be"
        assert host.readings == []


async def test_a_stalled_panel_blocks_nothing_and_then_gets_the_last_wish_and_every_acknowledgement(raw):
    async with Host(raw.port) as host:
        await opened(host)
        before = time.monotonic()
        for number in range(1, 5001):
            host.panel.show(Outputs(lamp="raised", tone=1 + number % 2))
            if number % 25 == 0:
                host.panel.acknowledge(1, number)
        host.panel.show(Outputs(lamp="acknowledged"))
        assert time.monotonic() - before < 2
        assert len(host.panel._line._unsent) < frames.MAX_STUFFED + 2
        decoder, got = frames.Decoder(), []

        def converged():
            got.extend(frames.decode(payload) for payload in decoder.feed(raw.read()))
            return got and got[-1] == frames.Outputs("acknowledged", 0, False)

        await until(converged, "the last wish")
        assert {ack.number for ack in got if isinstance(ack, frames.PressAck)} == set(range(25, 5001, 25))
        assert decoder.bad == 0
        assert decoder.lost == 0


async def test_more_acknowledgements_than_fit_are_dropped_and_not_kept(raw):
    async with Host(raw.port) as host:
        for number in range(1, 2000):
            host.panel.acknowledge(1, number)
        assert len(host.panel._acks) <= 256


async def test_a_silent_panel_is_faulty_and_is_opened_anew_until_it_speaks(raw, caplog):
    caplog.set_level(logging.INFO, "drivers.panel")
    clock = Clock()
    async with host_on(raw, clock) as host:
        await opened(host)
        clock.ahead_s += 3
        await until(lambda: host.panel.state == "faulty", "faulty")
        clock.ahead_s += 15
        fd = host.panel._line._fd
        await until(lambda: host.panel._line._fd == -1, "the line to be closed")
        await until(lambda: host.panel._line._fd >= 0, "the line to be opened anew")
        assert fd >= 0
        raw.write(frames.encode(WELL, 0))
        await until(lambda: host.panel.state == "ready", "ready")
        assert host.states == [("starting", "opening"), ("faulty", "silent"), ("ready", "")]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "check the panel's power" in caplog.text


async def test_a_line_of_which_nothing_can_be_understood_is_garbled(raw):
    clock = Clock()
    async with host_on(raw, clock) as host:
        await opened(host)
        raw.write(b"\x00\x55\xaa\x00" * 3)
        await until(lambda: host.panel.frames_bad == 3, "the garbage")
        clock.ahead_s += 3
        await until(lambda: host.states[-1] == ("faulty", "garbled"), "faulty")


@pytest.mark.parametrize(
    ("bit", "reason"),
    [
        (frames.STUCK, "button_stuck"),
        (frames.CUT, "loop_cut"),
        (frames.SHORT | frames.CUT, "loop_short"),
        (frames.FULL, "latch_full"),
        (frames.TAMPER | frames.WATCHDOG, "case_open"),
        (frames.SELF_TEST | frames.STORE, "self_test_failed"),
        (frames.STORE, "cannot_keep"),
        (frames.WATCHDOG | frames.FULL, "latch_full"),
        (frames.WATCHDOG, "watchdog_reset"),
    ],
)
async def test_a_fault_the_panel_reports_is_told_and_its_presses_still_count(raw, bit, reason):
    async with Host(raw.port) as host:
        await opened(host)
        raw.write(frames.encode(WELL._replace(faults=bit), 0))
        await until(lambda: host.states[-1] == ("faulty", reason), "faulty")
        raw.write(frames.encode(frames.Press(5, 6, 1, 7, False), 1))
        await until(lambda: host.presses == [(5, 6, 1)], "the press")
        raw.write(frames.encode(WELL, 2))
        await until(lambda: host.states[-1] == ("ready", ""), "ready")


async def test_a_frame_torn_by_a_new_opening_is_not_finished_by_the_next_line(raw):
    clock = Clock()
    async with host_on(raw, clock) as host:
        await opened(host)
        raw.write(frames.encode(frames.Press(1, 1, 0, 0, False), 1)[:-1])
        await until(lambda: host.panel._decoder._buffer, "the half frame")
        clock.ahead_s += 15
        await until(lambda: host.panel._line._fd == -1, "the line to be closed")
        await until(lambda: host.panel._line._fd >= 0, "the line to be opened anew")
        raw.write(b"\x00" + frames.encode(WELL, 0))
        await until(lambda: host.panel.state == "ready", "ready")
        assert host.readings == []


async def test_a_driver_that_was_stopped_runs_again(raw):
    async with Host(raw.port) as host:
        for _ in range(2):
            await opened(host)
            raw.write(frames.encode(WELL, 0))
            await until(lambda: host.panel.state == "ready", "ready")
            host.task.cancel()
            await asyncio.wait([host.task])
            host.task = asyncio.create_task(host.panel.run())
        await opened(host)
    story = [("starting", "opening"), ("ready", ""), ("absent", "hung_up")]
    assert host.states == [*story, *story, ("starting", "opening")]


async def test_what_is_meant_for_the_panel_or_unknown_is_ignored_and_counted(raw):
    async with Host(raw.port) as host:
        await opened(host)
        raw.write(frames.encode(frames.PressAck(1, 1), 0) + frames.frame(b"\x44\x01new") + frames.encode(WELL, 2))
        await until(lambda: host.panel.state == "ready", "ready")
        assert host.panel.not_understood == 2


async def test_a_port_that_is_not_there_is_absent_and_logged_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "drivers.panel")
    async with Host(tmp_path / "nothing") as host:
        await until(lambda: host.states == [("absent", "not_found")], "absent")
        await until(lambda: host.panel._retry._bound_s > 0.5, "further attempts")
    assert host.states == [("absent", "not_found")]
    assert len(caplog.records) == 1


async def test_a_port_that_another_program_holds_is_busy_until_it_lets_go(raw):
    async with Host(raw.port) as second, Host(raw.port) as first:
        await until(lambda: {first.panel.reason, second.panel.reason} == {"opening", "busy"}, "one to be busy")
        winner, loser = (first, second) if first.panel.reason == "opening" else (second, first)
        winner.task.cancel()
        await until(lambda: loser.panel.state == "starting", "the other's turn")
        first.task.cancel()
        await asyncio.wait([first.task])


async def test_a_port_that_opens_only_after_the_driver_was_stopped_is_closed_again():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as in_the_queue:
        address = server.getsockname()
        in_the_queue.connect(address)  # the queue is full now: whoever comes next is kept waiting
        server.settimeout(DEADLINE_S)

        def waits():
            opening = psutil.Process().net_connections("tcp4")
            return any(found.raddr == address and found.status == psutil.CONN_SYN_SENT for found in opening)

        async with Host(f"socket://127.0.0.1:{address[1]}"):
            await until(waits, "the driver to wait in its opening")
            asked_at = time.monotonic()
        assert time.monotonic() - asked_at < 1, "the stop waited for the port"
        server.accept()[0].close()
        late, _ = await asyncio.to_thread(server.accept)
        with late:
            late.settimeout(DEADLINE_S)
            assert await asyncio.to_thread(late.recv, 1) == b""


async def test_a_port_that_is_no_serial_line_is_told_and_tried_again(tmp_path):
    (tmp_path / "file").write_text("not a line")
    async with Host(tmp_path / "file") as host:
        await until(lambda: host.states == [("absent", "cannot_open")], "absent")


async def test_a_serial_server_on_the_network_is_a_port_too():
    wish = frames.encode(frames.Outputs("raised", 0, False), 0)
    arrived = []

    async def serve(reader, writer):
        arrived.append(await reader.readexactly(len(wish)))
        writer.write(frames.encode(WELL, 0))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Host(f"socket://127.0.0.1:{port}") as host:
            host.panel.show(Outputs(lamp="raised"))
            await until(lambda: ("ready", "") in host.states, "ready")
            await until(lambda: ("absent", "hung_up") in host.states, "the server to hang up")
            assert arrived[0] == wish


def test_a_port_url_of_no_known_kind_is_refused_at_once():
    with pytest.raises(ValueError, match="carrier-pigeon"):
        Host("carrier-pigeon://loft")
