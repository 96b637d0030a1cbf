"""A connector for thingsboard-gateway, as its documentation has custom ones: it takes events from a socket of ours.

Copied into the gateway's folder `extensions/bench`. For every line, a number, it gives the gateway one event and
answers with that line once the gateway has said that it took it.
"""

import socket
import threading
import time

from thingsboard_gateway.connectors.connector import Connector
from thingsboard_gateway.gateway.entities.converted_data import ConvertedData
from thingsboard_gateway.gateway.entities.telemetry_entry import TelemetryEntry


class BenchConnector(threading.Thread, Connector):
    def __init__(self, gateway, config, connector_type):
        super().__init__(daemon=True, name="bench connector")
        self._gateway = gateway
        self._config = config
        self._type = connector_type
        self._stopped = False

    def open(self):
        self.start()

    def run(self):
        line = socket.create_connection(("127.0.0.1", self._config["port"]))
        with line, line.makefile("r") as given, line.makefile("w") as answers:
            for number in given:
                taken = self._gateway.send_to_storage(self.get_name(), self.get_id(), an_event(int(number)))
                if taken.name == "SUCCESS":
                    answers.write(number)
                    answers.flush()

    def close(self):
        self._stopped = True

    def get_id(self):
        return self._config["id"]

    def get_name(self):
        return self._config["name"]

    def get_type(self):
        return self._type

    def get_config(self):
        return self._config

    def is_connected(self):
        return not self._stopped

    def is_stopped(self):
        return self._stopped

    def on_attributes_update(self, content):
        pass

    def server_side_rpc_handler(self, content):
        pass


def an_event(number):
    event = ConvertedData("jt-001", "default")
    event.add_to_telemetry(TelemetryEntry({"n": number, "event": "x" * 416}, int(time.time() * 1000) + number))
    return event
