"""`relay.py PORT`: between stdin, the socket of one connection of the machine's, and a port of 127.0.0.1."""

import os
import select
import socket
import sys

guest = socket.socket(fileno=os.dup(0))
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as host:
    ways = {guest: host, host: guest}
    while ways:
        for one in select.select(list(ways), [], [])[0]:
            try:
                heard = one.recv(65536)
            except ConnectionError:
                sys.exit()
            if heard:
                ways[one].sendall(heard)
            else:
                try:
                    ways.pop(one).shutdown(socket.SHUT_WR)
                except OSError:
                    sys.exit()
