"""A serial server as its own process: RFC 2217 on a loopback port, in front of a line.

`python serial_server.py LINE` prints the port it listens on; serves one client after the other until it is killed.
"""

import socket
import sys
import threading

import serial
from serial.rfc2217 import PortManager


class Pty(serial.Serial):
    """A line without modem lines: on a pty they are ENOTTY."""

    cts = dsr = ri = cd = False

    def _update_dtr_state(self):
        pass

    def _update_rts_state(self):
        pass


class Connection:
    """What `PortManager` writes its answers to."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.lock = threading.Lock()

    def write(self, data: bytes) -> None:
        with self.lock:
            self.client.sendall(data)


def serve(client: socket.socket, line: str) -> None:
    with Pty(line, timeout=0.01) as port:
        connection = Connection(client)
        manager = PortManager(port, connection)
        over = threading.Event()

        def bring():
            while not over.is_set():
                try:
                    data = port.read(4096)
                    if data:
                        connection.write(b"".join(manager.escape(data)))
                except OSError:
                    client.shutdown(socket.SHUT_RDWR)
                    return

        bringing = threading.Thread(target=bring)
        bringing.start()
        try:
            while data := client.recv(4096):
                port.write(b"".join(manager.filter(data)))
        except OSError:
            pass
        over.set()
        bringing.join()


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            with client:
                try:
                    serve(client, sys.argv[1])
                except OSError as error:
                    print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
