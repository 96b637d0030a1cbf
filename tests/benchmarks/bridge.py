"""Debian's mosquitto as a bridge to another, with persistence, as mosquitto.conf(5) has it: what is published here
goes there, and waits here while there is nobody.
"""

import threading
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from jingting.ports import Ports
from tests.benchmarks.far_end import EVENTS, Mosquitto, payload, wait_for_port

NAME: Final = "mosquitto bridge"
_LONGEST_S = 60.0


class Bridge:
    """The near broker. `with` takes it away at the end, however that comes."""

    def __init__(self, folder: Path, far_port: int) -> None:
        self._ports = Ports()
        self.port = self._ports.take()
        self._broker = Mosquitto(
            folder,
            f"listener {self.port} 127.0.0.1\n"
            f"persistence true\npersistence_location {folder}/\n"
            f"connection up\naddress 127.0.0.1:{far_port}\ntopic bench/# out 1\ncleansession false\n"
            "remote_username bench\nrestart_timeout 1\n",
        )
        self.confirmed = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._ports.release()

    def start(self) -> None:
        self._broker.start()
        wait_for_port(self.port)

    def kill(self) -> None:
        """SIGKILL."""
        self._broker.kill()

    def publish(self, numbers: range) -> None:
        """Publish events, and return when each is confirmed by its PUBACK."""
        done, left = threading.Event(), len(numbers)

        def published(*_: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="events")
        client.on_publish = published
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for number in numbers:
            client.publish(EVENTS, payload(number), qos=1)
        if not done.wait(_LONGEST_S):
            raise TimeoutError(f"{left} of {len(numbers)} events were not confirmed")
        client.disconnect()
        client.loop_stop()
        self.confirmed += len(numbers)
