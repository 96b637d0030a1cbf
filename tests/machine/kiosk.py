"""The whole kiosk: the small machine, its panel and card reader on USB serial adapters, and headquarters on the host.

Panel and reader are played on the host, byte for byte; between them and the station's drivers are QEMU's USB adapter
and the kernel's own ftdi_sio. A help button is a line of gpio-sim's.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from jingting.child import Child, jingting
from jingting.count import PanelLog, read_panel_log
from tests.machine.image import Image
from tests.machine.machine import Machine
from tests.machine.office import ENROLMENT_PORT, NAME, STATION, Office, end

HOME = "/var/lib/jingting"
JINGTING = "/opt/jingting/bin/jingting"
CHIP, LINE = "kiosk-lines", 3

# docs/hardware.md: where there is no group gpio, a rule of udev's makes one.
_GPIO = f"""
groupadd --system gpio
echo 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"' >/etc/udev/rules.d/60-gpio.rules
udevadm control --reload
sed -i 's/^# SupplementaryGroups=gpio/SupplementaryGroups=gpio/' /etc/systemd/system/jingting-station.service
systemctl daemon-reload
modprobe gpio-sim
cd /sys/kernel/config/gpio-sim
mkdir -p kiosk/bank0
echo 8 >kiosk/bank0/num_lines
echo {CHIP} >kiosk/bank0/label
echo 1 >kiosk/live
udevadm settle
ln -s "/sys/devices/platform/$(cat kiosk/dev_name)/$(cat kiosk/bank0/chip_name)/sim_gpio{LINE}" /run/button
echo pull-up >/run/button/pull
"""

_BUTTON = f"""
[[gpio_button]]
name = "door"
chip = "{CHIP}"
line = {LINE}
active_low = true
bias = "pull_up"
debounce_ms = 25
"""

# Moves the line as a finger, or a disturbance, does: pairs of "down"/"up" and milliseconds to stay so.
_FINGER = """
import sys, time
def stay(ms):
    until = time.monotonic_ns() + int(ms * 1e6)
    if ms > 10:
        time.sleep((ms - 5) / 1e3)
    while time.monotonic_ns() < until:
        pass
line = open("/run/button/pull", "w", buffering=1)
words = sys.argv[1:]
for _ in range(int(words.pop(0))):
    for where, ms in zip(words[::2], words[1::2]):
        line.write(f"pull-{where}\\n")
        stay(float(ms))
"""

# Debian's static busybox cannot look up addresses.
_GET = r"""
exec 3<>/dev/tcp/127.0.0.1/$1 || exit
printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$2" "$1" >&3
timeout 20 cat <&3
"""

# Somebody at the kiosk's own screen: calls are closed at the desk, for a call has the screen, and then a person comes
# for a service with a card. The card is the host's to put: it is asked for by a file, and said to be there by another.
_VISITOR = """
import pathlib, random, sys, time
from common.identifiers import uuid7
from jingting import visitors
from jingting.web import fetch, submit

DESK = "http://127.0.0.1:8082"

class Here:
    def station_url(self, _station):
        return "http://127.0.0.1:8080"
    def tickets(self, _station):
        return pathlib.Path("/run/tickets")
    def put_card(self, _station, _card):
        pathlib.Path("/run/card.wanted").touch()
        while not pathlib.Path("/run/card.put").exists():
            time.sleep(0.1)
    def lift_card(self, _station):
        pass

def close_calls():
    for call in fetch(DESK + "/status.json")["calls"]:
        for step, fields in (("acknowledge", {}), ("attend", {}), ("close", {"reason": "helped"})):
            event = uuid7(wall_ms=time.time_ns() // 1_000_000)
            submit(f"{DESK}/duty/calls/{call['id']}/{step}", event_id=event, **fields)
    return not fetch(DESK + "/status.json")["calls"]

visitors._TRIES = 1
until = time.monotonic() + 60
while not close_calls():
    assert time.monotonic() < until, "calls cannot be closed"
chance = random.Random(int(sys.argv[1]))
while not Here().tickets("").exists():
    assert time.monotonic() < until, "no number was shown"
    visitors._visit(Here(), "", chance, "")
"""


class Kiosk:
    """Enrolled, and running as its unit says, from `with Kiosk(…)` on."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.folder = folder
        self.office = Office(folder / "hq")
        self.devices = {
            name: Child(
                name, jingting("simulate", kind, "--link", folder / name, "--log", folder / f"{name}.jsonl"), log=log
            )
            for name, kind, log in (
                ("front", "panel", folder / "front.log"),
                ("cards", "card-reader", folder / "cards.log"),
            )
        }
        adapters = ["-device", "qemu-xhci,id=usb"]
        for name in self.devices:
            adapters += ["-chardev", f"serial,id={name}-line,path={folder / name}"]
            adapters += ["-device", f"usb-serial,bus=usb.0,id={name},chardev={name}-line,serial={name}"]
        self.machine = Machine(
            image, folder / "machine", forwards=self.office.forwards, devices=adapters, own_time=True
        )
        self.live_s = 0.0

    def __enter__(self) -> Self:
        try:
            for child in self.devices.values():
                child.start()
                until(lambda child=child: (self.folder / child.name).is_symlink(), "a device's line")
            self.office.__enter__()
            self.machine.start()
            self.say(f"the machine is up after {self.machine.wait_ready():.0f} s")
            self._install()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.kill()
        self.office.__exit__()
        end(self.devices.values())

    @staticmethod
    def say(words: str) -> None:
        print(f"  {words}", file=sys.stderr, flush=True)

    def status(self) -> dict[str, Any]:
        """Return the station's own view; empty while it does not answer."""
        said = self.page(8082, "/status.json")
        return json.loads(said) if said else {}

    def page(self, port: int, path: str) -> str:
        """Return a page of the station's, asked for in the machine; empty when nobody answers."""
        done = self.machine.begin(f"bash /run/get {port} {path}").result(120)
        return done.output.partition("\r\n\r\n")[2] if done.code == 0 else ""

    def device(self, name: str) -> tuple[str, str]:
        """Return state and reason of one device."""
        found = {one["name"]: (one["state"], one["reason"]) for one in self.status().get("devices", ())}
        return found.get(name, ("", ""))

    def whole(self) -> bool:
        """Whether the station has headquarters and all its devices."""
        status = self.status()
        return bool(status) and status["hq_online"] and all(one["state"] == "ready" for one in status["devices"])

    def panel(self) -> PanelLog:
        """Return what the panel itself has noted."""
        return read_panel_log(self.folder / "front.jsonl", "front")

    def press_panel(self) -> None:
        """Press the panel's button, and wait until the panel has been told that the press is safe."""
        before = len(self.panel().acknowledged)
        self.devices["front"].say("press")
        until(lambda: len(self.panel().acknowledged) > before, "the panel's acknowledgement")

    def finger(self, *moves: str | float, times: int = 1) -> None:
        """Move the button's line: `("down", 80, "up", 200)`, so many milliseconds each."""
        self.machine.run(f"python3 -IS /run/finger.py {times} {' '.join(map(str, moves))}")

    def visit(self, card: str) -> str:
        """Let somebody come for a service with a card of the played reader's; return the number that they are shown."""
        self.machine.run("rm -f /run/card.wanted /run/card.put /run/tickets")
        done = self.machine.begin("cd / && /opt/jingting/bin/python -I /run/visitor.py 1")
        until(
            lambda: done.done() or self.machine.begin("test -e /run/card.wanted").result(60).code == 0,
            "visit that asks for a card",
        )
        self.devices["cards"].say(f"put {card}")
        self.machine.run("touch /run/card.put")
        said = done.result(180)
        assert said.code == 0, f"{said.output} {self.log()}"
        self.devices["cards"].say("lift")
        return self.machine.run("cat /run/tickets").strip()

    def property(self, name: str) -> str:
        """Return what systemd says of the station's unit."""
        return self.machine.run(f"systemctl show -P {name} jingting-station").strip()

    def log(self) -> str:
        """Return what the station said, for a message."""
        return self.machine.run("journalctl -u jingting-station -o cat --no-pager | tail -40")

    def _install(self) -> None:
        machine = self.machine
        # It was started with the machine, and may just be about to find that nobody has enrolled it.
        machine.run("systemctl stop jingting-station", within_s=180)
        machine.run(_GPIO)
        machine.run(f"cat >/run/get <<'END'\n{_GET}\nEND")
        machine.run(f"cat >/run/visitor.py <<'END'\n{_VISITOR}\nEND")
        machine.run(f"cat >/run/finger.py <<'END'\n{_FINGER}\nEND")
        ports = "--panel usb:0403:6001:front --card-reader usb:0403:6001:cards"
        at = f"--at {NAME}:{ENROLMENT_PORT} --station {STATION}"
        enroll = f"{JINGTING} station enroll {at} {ports} --dir {HOME} {self.office.invite()}"
        said = machine.run(f"cd / && runuser -u jingting -- {enroll}", within_s=180)
        assert STATION in said
        self.say("enrolled by a code that was typed")
        machine.run(f"cat >>{HOME}/station.toml <<'END'\n{_BUTTON}END")
        began = time.monotonic()
        machine.run("systemctl start jingting-station", within_s=180)
        self.say(f"started after {time.monotonic() - began:.0f} s")
        until(self.whole, "headquarters and every device", seen=lambda: f"{self.status()} {self.log()}")
        self.say(f"whole after {time.monotonic() - began:.0f} s (the host's seconds)")
        took = [int(self.property(f"{word}TimestampMonotonic")) / 1e6 for word in ("ExecMainStart", "ActiveEnter")]
        self.say(f"by the machine's clock: {took[1] - took[0]:.1f} s from its start to serving")


def until(
    condition: Callable[[], object], what: str, *, within_s: float = 240, seen: Callable[[], object] = str
) -> float:
    """Wait until a condition holds and return the seconds it took; fail, saying what was missing and what was seen."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + within_s, f"no {what} after {within_s:g} s: {seen()}"
        time.sleep(0.5)
    return time.monotonic() - began
