"""`python -m agent.pin_check`: one PIN looked at in a process of its own, so that its 19 MiB go when it has ended.

Two lines on stdin, the PIN and the text that was kept of one: on arguments or environment others could look. Exit code
0: it is that PIN; 1: it is not.
"""

import sys

from common.pins import matches
from common.process import leave_no_trace


def main() -> int:
    """Read, look, and return the exit code."""
    leave_no_trace()
    pin, kept = (sys.stdin.readline().rstrip("\n") for _ in range(2))
    return 0 if matches(pin, kept) else 1


if __name__ == "__main__":
    sys.exit(main())
