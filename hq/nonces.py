"""Nonces for stations that come with their own key: each good once, for one station, for a minute."""

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from sync import base64url
from sync.enrolment import NONCE_BYTES, NONCE_S

_EACH: Final = 4
_STATIONS: Final = 20_000


class Nonces:
    """What was given out and not yet used; for any thread. `monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._given: OrderedDict[str, deque[tuple[str, float]]] = OrderedDict()
        self._lock = threading.Lock()

    def give(self, station: str) -> str:
        """Return a new nonce for a station; of more than four its oldest ends, of too many stations the oldest's."""
        nonce = base64url.encode(secrets.token_bytes(NONCE_BYTES))
        with self._lock:
            given = self._given.setdefault(station, deque(maxlen=_EACH))
            given.append((nonce, self._monotonic() + NONCE_S))
            self._given.move_to_end(station)
            if len(self._given) > _STATIONS:
                self._given.popitem(last=False)
        return nonce

    def use(self, station: str, nonce: str) -> bool:
        """Use a nonce up; False when it is none of this station's, or older than a minute."""
        now = self._monotonic()
        with self._lock:
            given = self._given.get(station, deque())
            for found in given:
                if found[0] == nonce:
                    given.remove(found)
                    if not given:
                        del self._given[station]
                    return now < found[1]
        return False
