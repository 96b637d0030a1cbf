"""What the link is held against: paho-mqtt publishing one QoS 1 message for each event, until each has its PUBACK."""

import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from sync.broker import Broker

PAYLOAD = b"x" * 416
_LONGEST_S = 120.0


def publish(broker: Broker, topic: str, count: int) -> float:
    """Publish `count` messages of 416 bytes; return the seconds to the last PUBACK. Nobody listens, nobody stores."""
    done, heard = threading.Event(), 0

    def published(*_: Any) -> None:
        nonlocal heard
        heard += 1
        if heard == count:
            done.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="plain")
    client.tls_set_context(broker.tls())
    client.on_publish = published
    up = threading.Event()
    client.on_connect = lambda *_: up.set()
    client.connect(broker.host, broker.port)
    client.loop_start()
    up.wait(_LONGEST_S)
    start = time.perf_counter()
    for _ in range(count):
        client.publish(topic, PAYLOAD, qos=1)
    if not done.wait(_LONGEST_S):
        raise TimeoutError(f"only {heard} of {count} messages were acknowledged")
    took = time.perf_counter() - start
    client.disconnect()
    client.loop_stop()
    return took
