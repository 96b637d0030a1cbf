"""What is logged of a fault of ours: its kind and its place, never its words, which may quote what somebody typed."""

import logging
import traceback
from pathlib import Path
from typing import Any, Final

from microdot import microdot

_log = logging.getLogger(__name__)

_FRAMES: Final = 4


def log_fault(error: BaseException) -> None:
    """Log the kind of an exception and the innermost places it came through, in one line."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    _log.error("A page failed: %s in %s.", type(error).__name__, places)


def keep_words_out_of_the_log() -> None:
    """Log this way what microdot would print with all its words."""
    module: Any = microdot  # its stub leaves the function out
    module.print_exception = log_fault
