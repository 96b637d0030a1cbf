"""A broker where somebody's platform would be, and what it hears of events there. What bridge and gateway send to."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from jingting import layout
from jingting.ports import Ports

PAYLOAD_B: Final = 416
"""Bytes of an event, whoever sends it."""
EVENTS: Final = "bench/events"
"""The topic of events that are a message each; `payload` says what is in one."""
_TELEMETRY: Final = "v1/gateway/telemetry"
_ASKED, _ANSWERED = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
MAX_PAYLOAD_B: Final = 65_536
"""What ThingsBoard takes of one message, unless its own configuration says otherwise."""
_LIMITS: Final = {
    "maxPayloadSize": MAX_PAYLOAD_B,
    "maxInflightMessages": 100,
    "rateLimits": {},
    "gatewayRateLimits": {},
}
"""ThingsBoard answers `getSessionLimits` before anything is sent; here nothing but size is limited."""
# ThingsBoard is no broker: what a gateway asks does not come back to it as a question.
_RIGHTS: Final = """user far-end
topic readwrite #
user bench
topic write v1/#
topic read v1/devices/me/rpc/response/+
topic read v1/devices/me/attributes/response/+
topic read v1/gateway/attributes/response
topic readwrite bench/#
topic readwrite $SYS/broker/connection/#
"""


def payload(number: int) -> bytes:
    """Return an event as a message of its own."""
    return f"{number:010}".encode().ljust(PAYLOAD_B, b"x")


class Mosquitto:
    """Debian's broker with a configuration of our own, in the foreground; `with` starts it and kills it."""

    def __init__(self, folder: Path, config: str) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        common = "allow_anonymous true\nmax_queued_messages 0\nuser root\n"
        (folder / "mosquitto.conf").write_text(common + config)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "broker.log").open("ab") as log:
            command = (layout.program("mosquitto"), "-c", str(self._folder / "mosquitto.conf"))
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM: it writes what it keeps."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


class FarEnd:
    """The broker, and a client that hears everything; its session outlives both.

    `came`: when each event came first, by its number. `asked`: when a gateway first asked for its limits.
    """

    def __init__(self, folder: Path) -> None:
        self._ports = Ports()
        self.port = self._ports.take()
        folder.mkdir(parents=True)
        (folder / "rights").write_text(_RIGHTS)
        config = f"listener {self.port} 127.0.0.1\nacl_file {folder}/rights\n"
        self._broker = Mosquitto(folder, config + f"persistence true\npersistence_location {folder}/\n")
        self._more = threading.Condition()
        self.forget()

    def forget(self) -> None:
        """Begin to count anew."""
        self.came: dict[int, float] = {}
        self.asked = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._ports.release()

    def start(self) -> None:
        """Start the broker, and listen."""
        self._broker.start()
        wait_for_port(self.port)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="far-end", clean_session=False)
        self._client.username_pw_set("far-end")
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        up = threading.Event()
        self._client.on_subscribe = lambda *_: up.set()
        self._client.on_message = lambda _client, _data, message: self._hear(message)
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        up.wait(10)

    def stop(self) -> None:
        """End both; what was heard stays."""
        self._client.disconnect()
        self._client.loop_stop()
        self._broker.stop()

    def _hear(self, message: mqtt.MQTTMessage) -> None:
        if message.topic == EVENTS:
            self._take((int(message.payload[:10]),))
        elif message.topic == _TELEMETRY:
            said: dict[str, list[dict[str, Any]]] = json.loads(message.payload)
            self._take(each["values"]["n"] for told in said.values() for each in told)
        elif message.topic.startswith(_ASKED):
            self.asked = self.asked or time.perf_counter()
            self._client.publish(_ANSWERED + message.topic.removeprefix(_ASKED), json.dumps(_LIMITS))

    def _take(self, numbers: Iterable[int]) -> None:
        at = time.perf_counter()
        with self._more:
            for number in numbers:
                self.came.setdefault(number, at)
            self._more.notify_all()

    def wait_for(self, told: Callable[[dict[int, float]], bool], within_s: float) -> None:
        """Wait until what came satisfies a condition. Raises TimeoutError."""
        with self._more:
            if not self._more.wait_for(lambda: told(self.came), within_s):
                raise TimeoutError(f"{len(self.came)} events came within {within_s} s")

    def wait_until_quiet(self, seconds: float, *, at_most_s: float = 60.0) -> None:
        """Wait until nothing new has come for so long."""
        deadline = time.monotonic() + at_most_s
        while time.monotonic() < deadline:
            before = len(self.came)
            time.sleep(seconds)
            if len(self.came) == before:
                return


def wait_for_port(port: int) -> None:
    """Wait until somebody listens on a port of this machine."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nobody listens on {port}")
