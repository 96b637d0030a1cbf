"""Machine readable zones: ICAO's own, ones that are made, damaged ones, and any text at all."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from zones import SPECIMENS, VECTORS, holders, make

from drivers import check_digits
from drivers.mrz import MrzError, parse
from drivers.mrz_identity import decode, identity
from drivers.mrz_layout import layout_of

TODAY = date(2026, 11, 25)
TD3 = SPECIMENS["TD3_UTO"]
ALIKE = dict(zip("O0I1Z2S5B8", "0O1I2Z5S8B", strict=True))


def read(lines, today=TODAY):
    return parse(lines, today=today)


def refused(lines):
    with pytest.raises(MrzError) as error:
        read(lines)
    return error.value.problem, error.value.where


def damaged(lines, line, column, character):
    """Return the lines with another character, both counted from 1 as on paper."""
    changed = list(lines)
    changed[line - 1] = changed[line - 1][: column - 1] + character + changed[line - 1][column:]
    return changed


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_every_specimen_of_icao_is_read_with_all_its_check_digits(name):
    zone = read(SPECIMENS[name])
    assert (zone.issuer, zone.repaired, zone.doubts) == ("UTO", (), ())
    assert {"number", "birth", "valid_to"} <= set(zone.checks)
    assert ("composite" in zone.checks) == (not zone.format.startswith("MRV"))


def test_a_passport_says_all_of_this():
    zone = read(VECTORS["TD3_UTO"])
    assert (zone.format, zone.document_code, zone.issuer, zone.nationality) == ("TD3", "P", "UTO", "UTO")
    assert (zone.surname, zone.given_names, zone.sex) == ("ERIKSSON", "ANNA MARIA", "f")
    assert (zone.number, zone.birth, zone.valid_to) == ("L898902C3", "1974-08-12", "2012-04-15")
    assert (zone.optional, zone.checks[-2:]) == ("ZE184226B", ("optional", "composite"))


@pytest.mark.parametrize(
    ("name", "number", "optional"),
    [
        ("TD1_UTO", "D23145890", ""),
        ("TD1_LONG", "D23145890734", ""),
        ("TD2_LONG", "D23145890734", ""),
        ("MRVA_UTO", "L8988901C", "6ZE184226B"),
    ],
)
def test_a_number_may_go_on_in_the_optional_data(name, number, optional):
    zone = read(SPECIMENS[name])
    assert (zone.number, zone.optional) == (number, optional)


@pytest.mark.parametrize(
    ("upper", "number", "optional"),
    [
        ("IDUTO123456789<07<<<<<<<<<<<<<", "1234567890", ""),
        ("IDUTO123456789<07<XYZ<<<<<<<<<", "1234567890", "XYZ"),
    ],
)
def test_a_long_number_ends_at_its_check_digit(upper, number, optional):
    lower = "8601012M3001019UTO<<<<<<<<<<<"
    lower += check_digits.of(upper[5:] + lower[:7] + lower[8:15] + lower[18:])
    zone = read([upper, lower, "SPECIMEN<<JANE<<<<<<<<<<<<<<<<"])
    assert (zone.number, zone.optional) == (number, optional)


@pytest.mark.parametrize(
    "upper",
    [
        "IDUTO123456789<08<<<<<<<<<<<<<",
        "IDUTO123456789<7<<<<<<<<<<<<<<",
        "IDUTO123456789<<<<<<<<<<<<<<<<",
        "IDUTO12345678<<07<<<<<<<<<<<<<",
    ],
)
def test_a_long_number_without_its_check_digit_is_refused(upper):
    lower = "8601012M3001019UTO<<<<<<<<<<<"
    lower += check_digits.of(upper[5:] + lower[:7] + lower[8:15] + lower[18:])
    assert refused([upper, lower, "SPECIMEN<<JANE<<<<<<<<<<<<<<<<"]) == ("check_digit", "number")


@pytest.mark.parametrize(
    ("names", "surname", "given_names", "doubtful"),
    [
        ("ERIKSSON<<ANNA<MARIA", "ERIKSSON", "ANNA MARIA", False),
        ("ARKFREITH", "ARKFREITH", "", False),
        ("VAN<DER<MUELLEN<<MARTIN", "VAN DER MUELLEN", "MARTIN", False),
        ("SMITH<JONES<<JENNIFER<<ANN", "SMITH JONES", "JENNIFER ANN", False),
        ("PAPANDROPOULOUS<<JONATHON<ALEC", "PAPANDROPOULOUS", "JONATHON ALEC", False),
        ("BENNELONG<WOOLOOMOOLOO<WARRANDYTE<WARNA", "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNA", "", True),
        ("NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K", "NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG K", True),
    ],
)
def test_names_come_apart_at_their_fillers(names, surname, given_names, doubtful):
    zone = read(make("TD3", code="P", names=names, number="X1", birth="740812", valid_to="300101"))
    assert (zone.surname, zone.given_names) == (surname, given_names)
    assert zone.doubts == (("name_en",) if doubtful else ()), "a name that fills its field may have been cut off"


@pytest.mark.parametrize(
    ("birth", "said", "doubtful"),
    [
        ("740812", "1974-08-12", False),
        ("261125", "2026-11-25", False),
        ("261126", "1926-11-26", False),
        ("7408<<", "1974-08", False),
        ("74<<<<", "1974", False),
        ("2612<<", "1926-12", False),
        ("<<<<<<", None, False),
        ("741332", "741332", True),
        ("7413<<", "7413<<", True),
        ("<<0812", "<<0812", True),
        ("74<<12", "74<<12", True),
        ("7408<1", "7408<1", True),
    ],
)
def test_a_birth_is_never_in_the_future_and_may_be_known_in_part(birth, said, doubtful):
    zone = read(make("TD1", names="A", number="X1", birth=birth, valid_to="300101"))
    assert (zone.birth, zone.doubts) == (said, ("birth",) if doubtful else ())


@pytest.mark.parametrize(
    ("valid_to", "said"),
    [("260101", "2026-01-01"), ("751231", "2075-12-31"), ("760101", "1976-01-01"), ("<<<<<<", None)],
)
def test_a_document_runs_out_within_half_a_century_of_today(valid_to, said):
    assert read(make("TD2", names="A", number="X1", birth="740812", valid_to=valid_to)).valid_to == said


def test_without_a_trusted_clock_no_century_is_guessed():
    zone = read(TD3, today=None)
    assert (zone.birth, zone.valid_to, zone.doubts) == ("740812", "120415", ("birth", "valid_to"))


@pytest.mark.parametrize(("sex", "said"), [("M", "m"), ("F", "f"), ("<", "not_stated"), ("X", "not_stated")])
def test_the_sex_may_be_left_open(sex, said):
    assert read(damaged(TD3, 2, 21, sex)).sex == said


@pytest.mark.parametrize(
    "lines",
    [
        ["".join(TD3)],
        ["".join(SPECIMENS["TD1_UTO"]) + "\n"],
        ["".join(SPECIMENS["TD2_UTO"])],
        ["", TD3[0] + "\r\n", " \n", TD3[1] + "\r"],
    ],
)
def test_empty_lines_and_lines_in_one_piece_are_no_matter(lines):
    assert read(lines).surname == "ERIKSSON"


@pytest.mark.parametrize(
    ("lines", "problem", "where"),
    [
        ([], "format", "lines of no characters"),
        (TD3[:1], "format", "lines of 44 characters"),
        ([TD3[0], TD3[1][:-1]], "format", "lines of 44, 43 characters"),
        ([*TD3, TD3[0]], "format", "lines of 44, 44, 44 characters"),
        (damaged(TD3, 1, 6, "é"), "character", "line 1, column 6"),
        (damaged(TD3, 1, 6, "e"), "character", "line 1, column 6"),
        (damaged(TD3, 1, 7, "0"), "character", "line 1, column 7"),
        (damaged(TD3, 1, 1, "<"), "character", "line 1, column 1"),
        (damaged(TD3, 2, 1, "<"), "character", "line 2, column 1"),
        (damaged(TD3, 2, 12, "1"), "character", "line 2, column 12"),
        (damaged(TD3, 2, 21, "H"), "character", "line 2, column 21"),
        (damaged(TD3, 2, 15, "K"), "character", "line 2, column 15"),
        (damaged(TD3, 2, 20, "<"), "character", "line 2, column 20"),
        (damaged(TD3, 2, 43, "<"), "character", "line 2, column 43"),
        (damaged(damaged(TD3, 2, 16, "O"), 2, 17, "B"), "character", "line 2, column 16"),
        (damaged(TD3, 2, 3, "7"), "check_digit", "number"),
        (damaged(TD3, 2, 14, "8"), "check_digit", "birth"),
        (damaged(TD3, 2, 22, "2"), "check_digit", "valid_to"),
        (damaged(TD3, 2, 31, "2"), "check_digit", "optional"),
        (damaged(TD3, 2, 44, "1"), "check_digit", "composite"),
        (damaged(SPECIMENS["TD1_UTO"], 2, 20, "1"), "check_digit", "composite"),
        (["P<UTO" + "<" * 39, TD3[1]], "name", "line 1, column 6"),
    ],
)
def test_a_zone_that_cannot_be_used_says_what_is_wrong_and_where(lines, problem, where):
    assert refused(lines) == (problem, where)
    assert decode(lines, today=TODAY) == {"problem": problem, "where": where}


def test_an_empty_personal_number_needs_no_check_digit():
    lines = make("TD3", code="P", names="A", number="X1", birth="740812", valid_to="300101")
    assert "optional" in read(lines).checks
    assert lines[1][42] == "0"
    assert "optional" not in read(damaged(lines, 2, 43, "<")).checks


@pytest.mark.parametrize(
    ("line", "column", "misread", "field"),
    [
        (2, 6, "O", "number"),
        (2, 16, "O", "birth"),
        (2, 18, "I", "birth"),
        (2, 19, "Z", "birth"),
        (2, 20, "Z", "birth"),
        (2, 27, "S", "valid_to"),
        (2, 43, "I", "optional"),
        (2, 44, "O", "composite"),
        (2, 44, "D", "composite"),
        (2, 10, "G", "number"),
    ],
)
def test_what_a_check_digit_proves_is_mended_and_marked(line, column, misread, field):
    zone = read(damaged(TD3, line, column, misread))
    assert zone.repaired == (field,)
    assert (zone.number, zone.birth, zone.valid_to) == ("L898902C3", "1974-08-12", "2012-04-15")
    assert identity(zone).doubts == ((field,) if field in ("number", "birth", "valid_to") else ())


def test_several_fields_may_be_mended_each_by_its_own_check_digit():
    lines = damaged(damaged(damaged(TD3, 2, 6, "O"), 2, 16, "O"), 2, 28, "G")
    assert refused(lines) == ("check_digit", "valid_to")
    assert read(damaged(lines, 2, 28, "9")).repaired == ("number", "birth")


@pytest.mark.parametrize(
    ("number", "misread"),
    [("C80000000", "CB0000000"), ("X12345678", "XI2345678"), ("E00000002", "E0000000Z"), ("EA5000000", "EAS000000")],
)
def test_a_number_is_mended_by_one_letter_that_looks_like_a_digit(number, misread):
    lines = make("MRV-A", code="V", names="A", number=number, birth="740812", valid_to="300101")
    zone = read([lines[0], misread + lines[1][9:]])
    assert (zone.number, zone.repaired) == (number, ("number",))


@pytest.mark.parametrize(
    ("number", "misread"),
    [
        ("802345678", "B02345678"),  # states begin numbers with letters
        ("C0O123456", "C00123456"),  # a digit is never taken for a letter
        ("C00B12345", "COOB12345"),  # no more than one character is mended
    ],
)
def test_a_number_is_not_mended_where_chance_would_do_as_well(number, misread):
    lines = make("MRV-A", code="V", names="A", number=number, birth="740812", valid_to="300101")
    assert refused([lines[0], misread + lines[1][9:]]) == ("check_digit", "number")


def test_a_personal_number_is_mended_likewise():
    holder = {"code": "P", "names": "A", "number": "X1", "birth": "740812", "valid_to": "300101"}
    zone = read(damaged(make("TD3", **holder, optional="C40333377"), 2, 31, "O"))
    assert (zone.optional, zone.repaired) == ("C40333377", ("optional",))


def test_two_ways_to_mend_a_number_are_no_proof():
    # S taken for 5 and B for 8 change the check digit alike, both having the weight 7.
    lines = make("MRV-A", code="V", names="A", number="X11S11811", birth="740812", valid_to="300101")
    assert refused([lines[0], "X11S11B11" + lines[1][9:]]) == ("check_digit", "number")


@given(holders())
def test_whatever_is_made_is_read_as_it_was_made(holder):
    fmt, parts = holder
    zone = read(make(fmt, **parts))
    surname, _, given_names = parts["names"].partition("<<")
    assert (zone.format, zone.document_code, zone.issuer) == (fmt, parts["code"], parts["issuer"])
    assert (zone.surname, zone.given_names) == (surname.replace("<", " "), given_names.replace("<", " "))
    assert (zone.number, zone.nationality) == (parts["number"], parts["nationality"])
    assert zone.birth == parts["birth"] or zone.birth[2:].replace("-", "") == parts["birth"]
    assert zone.birth is None or zone.birth <= TODAY.isoformat() or zone.birth == parts["birth"]
    assert zone.valid_to == parts["valid_to"] or zone.valid_to[2:].replace("-", "") == parts["valid_to"]
    assert (zone.optional, zone.repaired) == (parts["optional"], ())
    said = identity(zone)
    assert said.fields["number"] == zone.number
    assert zone.number not in repr(said) + repr(zone) or len(zone.number) < 5


@given(holders(), st.data())
def test_one_damaged_character_is_found_or_stands_where_no_check_digit_looks(holder, data):
    fmt, parts = holder
    lines = make(fmt, **parts)
    layout = layout_of(lines)
    line = data.draw(st.integers(0, layout.lines - 1))
    column = data.draw(st.integers(0, layout.width - 1))
    character = data.draw(st.sampled_from(check_digits.ALPHABET))
    was = lines[line][column]
    assume(was != character)
    part = next(part for part, place, at in layout.places() if place.line == line and at == column)
    try:
        zone = read(damaged(lines, line + 1, column + 1, character))
    except MrzError:
        return
    unseen = check_digits.of(was) == check_digits.of(character) and not part.endswith("_check")
    unchecked = {"document_code", "issuer", "names", "nationality", "sex"} | (
        {"optional"} if not layout.composite else set()
    )
    if zone.repaired:
        return
    assert unseen or part in unchecked or {was, character} == {"0", "<"}


@given(holders(), st.data())
def test_what_was_misread_for_what_it_looks_like_never_becomes_another_number_or_date(holder, data):
    fmt, parts = holder
    lines = make(fmt, **parts)
    places = [(at, column) for at, line in enumerate(lines) for column, this in enumerate(line) if this in ALIKE]
    assume(places)
    line, column = data.draw(st.sampled_from(places))
    try:
        zone = read(damaged(lines, line + 1, column + 1, ALIKE[lines[line][column]]))
    except MrzError:
        return
    whole = read(lines)
    assert (zone.number, zone.birth, zone.valid_to) == (whole.number, whole.birth, whole.valid_to)


@given(st.lists(st.text(max_size=50), max_size=4))
def test_any_text_has_an_answer(lines):
    decode(lines, today=TODAY)


@given(st.sampled_from([(30, 3), (36, 2), (44, 2)]), st.data())
def test_any_lines_of_a_zones_characters_have_an_answer(shape, data):
    width, count = shape
    line = st.text(check_digits.ALPHABET, min_size=width, max_size=width)
    decode(data.draw(st.lists(line, min_size=count, max_size=count)), today=TODAY)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (TD3, "passport"),
        (SPECIMENS["TD1_UTO"], "travel_document"),
        (SPECIMENS["MRVB_UTO"], "visa"),
        (
            make("TD1", code="C", issuer="CHN", names="A", number="H12345678", birth="740812", valid_to="300101"),
            "travel_permit",
        ),
        (
            make("TD1", code="C", issuer="UTO", names="A", number="H12345678", birth="740812", valid_to="300101"),
            "travel_document",
        ),
    ],
)
def test_the_identity_says_what_kind_of_document_it_was(lines, kind):
    assert identity(read(lines)).kind == decode(lines, today=TODAY)["kind"] == kind


def test_the_identity_of_a_passport():
    said = identity(read(TD3))
    assert said.fields == {
        "name_en": "ERIKSSON, ANNA MARIA",
        "sex": "f",
        "birth": "1974-08-12",
        "number": "L898902C3",
        "issuer": "UTO",
        "valid_to": "2012-04-15",
        "nationality": "UTO",
    }
    one_name = make("TD2", names="ARKFREITH", number="X1", birth="740812", valid_to="300101")
    assert identity(read(one_name)).fields["name_en"] == "ARKFREITH"


def test_neither_zone_nor_refusal_shows_who_it_is():
    assert repr(read(TD3)) == "<Zone of a TD3>"
    assert str(MrzError(*refused(damaged(TD3, 2, 3, "7")))) == "check_digit: number"
