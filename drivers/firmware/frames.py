"""The help panel's frames: bytes on the serial line <-> messages. `docs/panel-line.md` is the contract.

A frame is 00, COBS(payload + CRC-32), 00; a payload is type, sequence, fields; integers are big-endian. COBS:
Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999. CRC-32 is
that of ISO/IEC 8802-3 as `binascii.crc32` computes it.

This file also runs in the panel, under MicroPython: it uses nothing that MicroPython has not.
"""

import binascii
import struct
from collections import namedtuple

HEARTBEAT_MS = 1000  # between two STATUS of a panel, and between two OUTPUTS of a host
GONE_MS = 3000  # without a heartbeat, the other side counts as gone
REPEAT_MS = 250  # between two repetitions of an unacknowledged press

# A name's place is its number on the line. A host wishes for one of the first four; the last is the panel's own.
LAMPS = ("off", "raised", "acknowledged", "fault", "host_gone")
WISHED_LAMPS = 4
TONES = 3  # 0 silent, 1 sounding, 2 louder

# Bits of Status.faults.
STUCK = 0x01  # a button held for over 30 s
CUT = 0x02  # the button's loop is open
SHORT = 0x04  # the button's loop is shorted
FULL = 0x08  # the latch is full: a further press was not numbered
TAMPER = 0x10  # the panel's case is open
WATCHDOG = 0x20  # restarted by its watchdog within the last minute
STORE = 0x40  # presses cannot be kept through a restart
SELF_TEST = 0x80  # the last self-test went wrong

# Bits of TestResult.failed.
TEST_LAMP = 0x01  # the lamp's output does not follow
TEST_BUZZER = 0x02  # the buzzer's output does not follow
TEST_ADC = 0x04  # the converter reads nonsense
TEST_STORE = 0x08  # what was stored cannot be read back
TEST_WAITS = 0x10  # an earlier test press still waits for its acknowledgement

MAX_FIRMWARE = 32
MAX_PAYLOAD = 64
_CRC_BYTES = 4
MAX_STUFFED = MAX_PAYLOAD + _CRC_BYTES + 1

_HELLO, _PRESS, _STATUS, _TEST_RESULT = 0x01, 0x02, 0x03, 0x04
_PRESS_ACK, _OUTPUTS, _SELF_TEST = 0x81, 0x82, 0x83
_SYNTHETIC = 0x01  # the flag of a press that no hand made
_LONGEST_RUN = 0xFF  # a COBS code byte saying: 254 bytes follow, and no zero after them

# Panel to host. `firmware` is printable ASCII; `epoch` names one life of the panel's memory; buttons count from 0.
Hello = namedtuple("Hello", ("firmware", "epoch", "buttons"))
# `number` counts from 1 in its epoch; `age_ms` is how long the press has waited in the panel; `test`: of a self-test.
Press = namedtuple("Press", ("epoch", "number", "button", "age_ms", "test"))
# What the panel really shows, how many presses wait for their acknowledgement, and the fault bits.
Status = namedtuple("Status", ("lamp", "tone", "relay", "latched", "faults"))
# How the self-test that the host numbered so went: no bit, all well.
TestResult = namedtuple("TestResult", ("number", "failed"))
# Host to panel.
PressAck = namedtuple("PressAck", ("epoch", "number"))
Outputs = namedtuple("Outputs", ("lamp", "tone", "relay"))
SelfTest = namedtuple("SelfTest", ("number",))


def following(sequence: int) -> int:
    """Return the sequence number after `sequence`: 0 is for the first frame since a start, then 1 to 255 and round."""
    return sequence % 255 + 1


def encode(message: Hello | Press | Status | TestResult | PressAck | Outputs | SelfTest, sequence: int) -> bytes:
    """Return the whole frame of a message, both zeros included.

    Raises ValueError for a lamp there is not or a firmware text over 32 bytes, struct.error for a number out of range.
    """
    if isinstance(message, Hello):
        text = message.firmware.encode()
        if len(text) > MAX_FIRMWARE:
            raise ValueError("firmware text over 32 bytes: shorten it")
        head = struct.pack(">BBIBB", _HELLO, sequence, message.epoch, message.buttons, len(text))
        return frame(head + text)
    if isinstance(message, Press):
        flags = _SYNTHETIC if message.test else 0
        return frame(struct.pack(">BBIIBIB", _PRESS, sequence, *message[:4], flags))
    if isinstance(message, Status):
        lamp = LAMPS.index(message.lamp)
        return frame(struct.pack(">BBBBBBB", _STATUS, sequence, lamp, *message[1:]))
    if isinstance(message, TestResult):
        return frame(struct.pack(">BBIB", _TEST_RESULT, sequence, *message))
    if isinstance(message, PressAck):
        return frame(struct.pack(">BBII", _PRESS_ACK, sequence, *message))
    if isinstance(message, SelfTest):
        return frame(struct.pack(">BBI", _SELF_TEST, sequence, message.number))
    return frame(struct.pack(">BBBBB", _OUTPUTS, sequence, LAMPS.index(message.lamp), *message[1:]))


def decode(payload: bytes) -> Hello | Press | Status | TestResult | PressAck | Outputs | SelfTest | None:
    """Return the message of a checked payload, or None when it is of a type or shape this version does not know.

    Bytes after the known fields are ignored: a later version may add some.
    """
    kind, fields = payload[0], payload[2:]
    if kind == _HELLO:
        return _hello(fields)
    if kind == _PRESS and len(fields) >= 13:
        epoch, number, button, age_ms = struct.unpack(">IIBI", fields[:13])
        # Firmware before 2 sends no flags.
        test = bool(fields[13] & _SYNTHETIC) if len(fields) > 13 else False
        return Press(epoch, number, button, age_ms, test) if number else None
    if kind == _STATUS and len(fields) >= 5:
        lamp, tone, relay, latched, faults = fields[:5]
        if lamp < len(LAMPS) and tone < TONES and relay <= 1:
            return Status(LAMPS[lamp], tone, bool(relay), latched, faults)
    if kind == _TEST_RESULT and len(fields) >= 5:
        number, failed = struct.unpack(">IB", fields[:5])
        return TestResult(number, failed)
    if kind == _PRESS_ACK and len(fields) >= 8:
        epoch, number = struct.unpack(">II", fields[:8])
        return PressAck(epoch, number)
    if kind == _OUTPUTS and len(fields) >= 3:
        lamp, tone, relay = fields[:3]
        if lamp < WISHED_LAMPS and tone < TONES and relay <= 1:
            return Outputs(LAMPS[lamp], tone, bool(relay))
    if kind == _SELF_TEST and len(fields) >= 4:
        return SelfTest(struct.unpack(">I", fields[:4])[0])
    return None


def _hello(fields: bytes) -> Hello | None:
    if len(fields) < 6:
        return None
    epoch, buttons, length = struct.unpack(">IBB", fields[:6])
    text = fields[6 : 6 + length]
    # The text goes into logs: nothing that a terminal would act on.
    if len(text) != length or length > MAX_FIRMWARE or any(byte < 0x20 or byte > 0x7E for byte in text):
        return None
    return Hello(text.decode(), epoch, buttons)


def frame(payload: bytes) -> bytes:
    """Return a payload as it goes on the line. The zero in front ends whatever noise came before."""
    crc = struct.pack(">I", binascii.crc32(payload) & 0xFFFFFFFF)
    return b"\x00" + stuff(payload + crc) + b"\x00"


def stuff(data: bytes) -> bytes:
    """Return `data` in COBS: without zeros, at most one byte in 254 longer, plus one."""
    out = bytearray(1)
    code_at = 0
    for byte in data:
        if len(out) - code_at == _LONGEST_RUN:
            out[code_at] = _LONGEST_RUN
            code_at = len(out)
            out.append(0)
        if byte:
            out.append(byte)
        else:
            out[code_at] = len(out) - code_at
            code_at = len(out)
            out.append(0)
    out[code_at] = len(out) - code_at
    return bytes(out)


def unstuff(stuffed: bytes) -> bytes | None:
    """Return what was stuffed, or None when it is no COBS: empty, with a zero inside, or cut short."""
    out = bytearray()
    at = 0
    while at < len(stuffed):
        end = at + stuffed[at]
        if end == at or end > len(stuffed):
            return None
        out += stuffed[at + 1 : end]
        if stuffed[at] != _LONGEST_RUN and end < len(stuffed):
            out.append(0)
        at = end
    return None if at == 0 or b"\x00" in stuffed else bytes(out)


class Decoder:
    """Finds the good frames in a stream of bytes, however it is cut; holds no more than one frame and no clock.

    `good` counts frames that passed the check, `bad` those between two zeros that did not, `noise` the bytes of the
    bad ones, `lost` frames that the sender's sequence says never came.
    """

    def __init__(self) -> None:
        self.good = self.bad = self.noise = self.lost = 0
        self._buffer = bytearray()
        self._skipped = 0  # bytes of an overlong run, thrown away as they came
        self._expected = -1

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes from the line; return the payloads of the frames they completed."""
        payloads: list[bytes] = []
        start = 0
        while True:
            end = data.find(b"\x00", start)
            run = data[start:] if end < 0 else data[start:end]
            if self._skipped or len(self._buffer) + len(run) > MAX_STUFFED:
                self._skipped += len(self._buffer) + len(run)
                self._buffer = bytearray()
            else:
                self._buffer += run
            if end < 0:
                return payloads
            payload = self._finish()
            if payload is not None:
                payloads.append(payload)
            start = end + 1

    def _finish(self) -> bytes | None:
        stuffed, skipped = bytes(self._buffer), self._skipped
        self._buffer, self._skipped = bytearray(), 0
        if not stuffed and not skipped:
            return None
        data = unstuff(stuffed)
        if data is None or len(data) < 2 + _CRC_BYTES or not _intact(data):
            self.bad += 1
            self.noise += len(stuffed) + skipped
            return None
        self.good += 1
        sequence = data[1]
        if sequence and self._expected > 0:
            self.lost += (sequence - self._expected) % 255
        self._expected = following(sequence)
        return data[:-_CRC_BYTES]


def _intact(data: bytes) -> bool:
    intact: bool = struct.unpack(">I", data[-_CRC_BYTES:])[0] == binascii.crc32(data[:-_CRC_BYTES]) & 0xFFFFFFFF
    return intact
