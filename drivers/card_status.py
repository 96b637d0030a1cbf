"""What a card reader's status (SW3) means and what to do about it, for a technician; and for a citizen, in a word.

The statuses are those of the SDT/SAM protocol (GA 450, GA/T 467). 01 to 09 belong to the makers' libraries on a host
and are never on the line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drivers import card_frames
from drivers.identity import Advice, NotRead


@dataclass(frozen=True, slots=True)
class Status:
    """What one status means, and what a technician does about it; "" where there is nothing to do."""

    meaning: str
    to_do: str = ""


_LIFT = "lift the card and put it back, alone and flat"
_CHECK_CARD = "lift the card and put it back; when it happens with this card only, the card is faulty or no genuine one"
_LINE = "check cable, shield and ground, and that both ends have the same speed; it is asked again by itself"
_REPLACE = "switch the reader off and on; when that does not help, have it replaced"

STATUSES: Final[Mapping[int, Status]] = {
    card_frames.DONE: Status("done"),
    card_frames.FOUND: Status("card found"),
    card_frames.NO_SUCH_ITEM: Status("no such item on the card"),
    card_frames.BAD_CHECKSUM: Status("the reader heard a wrong checksum", _LINE),
    card_frames.BAD_LENGTH: Status("the reader heard a wrong length", _LINE),
    card_frames.BAD_COMMAND: Status("the reader does not know the command", "nothing, unless it is asked to read"),
    0x23: Status("no privilege for this command", "the reader's SAM is not made for it: nothing, unless it is to read"),
    0x24: Status("unknown error", _REPLACE),
    0x31: Status("the card did not accept the reader's SAM", _CHECK_CARD),
    0x32: Status("the reader's SAM did not accept the card", _CHECK_CARD),
    0x33: Status("what the card holds did not verify", _CHECK_CARD),
    0x34: Status("no card yet", "put a card on the reader"),
    0x37: Status("the fingerprint did not verify", "nothing: fingerprints are never asked for"),
    0x3F: Status("wrong length of what the card holds", _CHECK_CARD),
    0x40: Status("the card's type is not recognised", "put a resident card or a residence permit there, alone"),
    card_frames.READ_FAILED: Status("the card could not be read", _LIFT),
    0x47: Status("the card gave no random number", _LIFT),
    card_frames.SELF_TEST_FAILED: Status("the reader's self-test failed; it takes no command", _REPLACE),
    card_frames.NOT_AUTHORISED: Status("the reader's SAM is not authorised", "have the reader replaced"),
    card_frames.FIND_FAILED: Status("no card found, or one that was read before", "lift the card and put it back"),
    card_frames.SELECT_FAILED: Status("no card selected, or one that was read before", "lift the card and put it back"),
}

_HOST_ONLY: Final = range(0x01, 0x0A)
_ADVICE: Final[Mapping[int, Advice]] = {
    0x31: "not_verified",
    0x32: "not_verified",
    0x33: "not_verified",
    0x40: "other_card",
}


def status(code: int) -> Status:
    """Return what SW3 says; of one that is not in the list, that it is not."""
    if code in _HOST_ONLY:
        return Status("a code of a library on a host, never on the line", "look at the program that sent it")
    return STATUSES.get(code, Status("unknown status", "see the manual of the reader's maker"))


def advice(failure: NotRead) -> Advice:
    """Return what a citizen may do after a read that gave no identity."""
    return _ADVICE.get(failure.status, failure.reason) if failure.reason == "lift" else failure.reason
