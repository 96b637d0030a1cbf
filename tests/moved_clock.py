"""A process whose clocks the test may put forward, all of them at once: libfaketime reads how far from a file."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

(LIBRARY,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")


class MovedClock:
    """The clocks of what is started while they are `taught`. They never go back."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds = 0
        self.forward(0)

    def forward(self, seconds: int) -> None:
        """Put them forward."""
        self._seconds += seconds
        new = self._file.with_suffix(".new")
        new.write_text(f"+{self._seconds}\n")
        new.replace(self._file)

    @contextlib.contextmanager
    def taught(self) -> Iterator[None]:
        """Give what is started here these clocks."""
        told = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
        }
        with mock.patch.dict(os.environ, told):
            yield
