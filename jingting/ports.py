"""Free TCP ports on loopback, below the ephemeral range, that two cities on one machine never share."""

import random
import socket

_LOWEST, _HIGHEST = 20_000, 32_767  # the kernel hands out 32768 and above by itself (ip(7), ip_local_port_range)
_ATTEMPTS = 1000


class Ports:
    """Ports taken by one city, from `take` until `release`.

    A name in the abstract Unix namespace marks each as taken: it vanishes with its process, however that ends.
    """

    def __init__(self) -> None:
        self._marks: dict[int, socket.socket] = {}

    def take(self) -> int:
        """Return a port nobody listens on and no other city has taken. Raises OSError when none is found."""
        for _ in range(_ATTEMPTS):
            port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - no secret
            mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                mark.bind(f"\0jingting-port-{port}")
            except OSError:
                mark.close()
                continue
            if is_free(port):
                self._marks[port] = mark
                return port
            mark.close()
        raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on 127.0.0.1")

    def stolen(self) -> bool:
        """Tell whether somebody else listens on one of the ports; to be asked while nobody of the city does."""
        return not all(is_free(port) for port in self._marks)

    def release(self) -> None:
        """Give every port back."""
        for mark in self._marks.values():
            mark.close()
        self._marks.clear()


def is_free(port: int) -> bool:
    """Tell whether one can listen on this port of 127.0.0.1 now."""
    with socket.socket() as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind(("127.0.0.1", port))
            trying.listen()
        except OSError:
            return False
    return True
