"""Machine readable zones of invented people, made here; and those that ICAO Doc 9303 prints."""

import json
from pathlib import Path

from hypothesis import strategies as st

from drivers import check_digits

VECTORS = {
    vector["name"]: vector["lines"]
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "mrz.json").read_text())["mrz"]
}
SPECIMENS = {
    **VECTORS,
    "TD1_LONG": ["I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"],
    "TD2_UTO": ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"],
    "TD2_LONG": ["I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<", "D23145890<UTO3407127M95071227349<<<8"],
    "MRVA_UTO": ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"],
    "MRVB_UTO": ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"],
}
"""Doc 9303-4 to -7, appendices, and -11, appendix D.2 (the long numbers)."""

SPACE = {"TD1": (30, 9, 15), "TD2": (31, 9, 7), "TD3": (39, 9, 14), "MRV-A": (39, 9, 16), "MRV-B": (31, 9, 8)}
"""How many characters there are for names, number and optional data."""


def make(
    fmt, *, code="I", issuer="UTO", names, number, nationality="UTO", birth, sex="F", valid_to, optional="", more=""
):
    """Return the lines of a zone; `birth` and `valid_to` as YYMMDD, `more` being TD1's second optional data."""
    of = check_digits.of
    space, _, room = SPACE[fmt]
    names = names.ljust(space, "<")
    if len(number) > 9:
        first, optional = number[:9] + "<", f"{number[9:]}{of(number)}<{optional}"
    else:
        first = number.ljust(9, "<")
        first += of(first)
    optional = optional.ljust(room, "<")
    assert len(optional) == room
    born, until = birth + of(birth), valid_to + of(valid_to)
    head = code.ljust(2, "<") + issuer.ljust(3, "<")
    nationality = nationality.ljust(3, "<")
    if fmt == "TD1":
        upper, more = head + first + optional, more.ljust(11, "<")
        return [upper, f"{born}{sex}{until}{nationality}{more}{of(upper[5:] + born + until + more)}", names]
    if fmt == "TD3":
        optional += of(optional)
    lower = f"{first}{nationality}{born}{sex}{until}{optional}"
    if not fmt.startswith("MRV"):
        lower += of(first + born + until + optional)
    return [head + names, lower]


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
words = st.text(LETTERS, min_size=1, max_size=6)


@st.composite
def holders(draw):
    """Draw what a zone is made of: format, and the arguments of `make`."""
    fmt = draw(st.sampled_from(sorted(SPACE)))
    space, _, room = SPACE[fmt]
    surname, given = draw(st.lists(words, min_size=1, max_size=2)), draw(st.lists(words, max_size=3))
    names = "<".join(surname) + ("<<" + "<".join(given) if given else "")
    long_numbers = fmt in ("TD1", "TD2")
    number = draw(st.text(LETTERS + "0123456789", min_size=1, max_size=13 if long_numbers else 9))
    left = room if len(number) <= 9 else room - (len(number) - 9) - 2
    return fmt, {
        "code": "V"
        if fmt.startswith("MRV")
        else draw(st.sampled_from(["P", "PD"] if fmt == "TD3" else ["I", "AC", "C"])),
        "issuer": draw(st.sampled_from(["UTO", "D", "CHN"])),
        "names": names[:space].rstrip("<"),
        "number": number,
        "nationality": draw(st.sampled_from(["UTO", "D"])),
        "birth": draw(st.dates()).strftime("%y%m%d"),
        "sex": draw(st.sampled_from("MF<")),
        "valid_to": draw(st.dates()).strftime("%y%m%d"),
        "optional": draw(st.text(LETTERS + "0123456789", max_size=max(0, left))),
    }
