"""What no broker of a city does, and one in the wrong hands could: let a connection take memory without an end.

paho keeps a packet while it comes, however long it says that it is; it keeps messages of QoS 2, which nobody here asks
for, until they are released; and what it has to answer until the other end reads it.
"""

from typing import Final

import paho.mqtt.client as mqtt

from sync.signed import MAX_WIRE

MAX_PACKET: Final = 2 * MAX_WIRE
"""Largest packet that is read (bytes): somewhat too long a message is still read, refused and counted."""
_UNREAD: Final = 4096
"""Packets of ours that may wait for the other end to read them: many times what we ever have on the way."""


def excess(client: mqtt.Client) -> str:
    """Return what goes too far on this connection, as words for a log; "" where nothing does. Cheap.

    To be asked after each `loop_read()`, which itself reads no more than a hundred times from the socket.
    """
    # paho bounds nothing of this, nor says anything of it (2.1): tests hold us to these names.
    if (size := client._in_packet["remaining_length"]) > MAX_PACKET:  # noqa: SLF001
        return f"the broker sends a packet of {size} bytes, which is over {MAX_PACKET}"
    if client._in_messages:  # noqa: SLF001
        return "the broker sends with QoS 2, which nobody asked for"
    if (unread := len(client._out_packet)) > _UNREAD:  # noqa: SLF001
        return f"the broker sends, but does not read: {unread} answers wait for it"
    return ""
