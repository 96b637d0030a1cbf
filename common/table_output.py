"""A table on its way out of a command: UTF-8 on stdout, whatever the locale is."""

import io
import os
import stat
import sys
from collections.abc import Iterable


def write_out(lines: Iterable[str], *, private: bool = False) -> None:
    """Write lines to stdout, and return once the system has them all. Raises OSError, and whatever `lines` raises.

    `private`: a file that they go into is made its owner's alone first, whatever the umask was.
    """
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8", newline="")  # where the locale is GBK, too; a CRLF stays one
        if private and stat.S_ISREG(os.fstat(out.fileno()).st_mode):
            os.fchmod(out.fileno(), 0o600)
    for line in lines:
        out.write(line)
    out.flush()


def is_unread(error: OSError) -> bool:
    """Tell whether nobody reads any more, as behind `| head`: nothing to complain of."""
    return isinstance(error, BrokenPipeError)
