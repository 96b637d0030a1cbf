"""The least a station could be: asyncio, an MQTT connection with paho, an SQLite journal, and the word READY.

python -m tests.benchmarks.bare_station PORT CA CERTIFICATE KEY FOLDER
"""

import asyncio
import os
import socket
import sqlite3
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


async def main(port: str, ca: str, certificate: str, key: str, folder: str) -> None:
    database = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS events(number INTEGER PRIMARY KEY, line BLOB)")
    database.execute("INSERT INTO events(line) VALUES (?)", (b"x" * 340,))
    loop = asyncio.get_running_loop()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"bare-{os.getpid()}")
    client.tls_set(ca, certificate, key)
    client.on_socket_register_write = lambda _client, _data, sock: loop.add_writer(sock, client.loop_write)
    client.on_socket_unregister_write = lambda _client, _data, sock: loop.remove_writer(sock)
    client.connect("127.0.0.1", int(port), keepalive=20)
    loop.add_reader(client.socket(), client.loop_read)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
    while True:
        await asyncio.sleep(5)
        client.loop_misc()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
