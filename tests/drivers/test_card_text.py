"""A card's text: where each field stands in each layout, and what a broken or strange card may not do."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import check_digits, identity_numbers
from drivers.card_text import LAYOUTS, UnreadableError, appended, decode, has_address, spelled
from drivers.simulators import cards

RESIDENT = [
    ("样例", 30),
    ("2", 2),
    ("01", 4),
    ("19491231", 16),
    ("北京市朝阳区", 70),
    ("11010519491231002X", 36),
    ("样本市公安局", 30),
    ("20200101", 16),
    ("长期", 16),
    ("", 36),
]
PERMIT = [
    ("样例", 30),
    ("1", 2),
    ("", 4),
    ("19900101", 16),
    ("广东省样本市", 70),
    ("810000199001010115", 36),
    ("样本市公安局", 30),
    ("20240101", 16),
    ("20290101", 16),
    ("H12345678", 18),
    ("02", 4),
    ("", 6),
    ("J", 2),
    ("", 6),
]
PR2017 = [
    ("SPECIMEN, INVENTED", 120),
    ("2", 2),
    ("PAK310080010103", 30),
    ("PAK", 6),
    ("样例", 30),
    ("20170101", 16),
    ("20270101", 16),
    ("19800101", 16),
    ("01", 4),
    ("3100", 8),
    ("I", 2),
    ("", 6),
]
PR2023 = [
    ("样例", 30),
    ("2", 2),
    ("03", 4),
    ("19810803", 16),
    ("SPECIMEN, INVENTED", 70),
    ("911124198108030024", 36),
    ("", 30),
    ("20231201", 16),
    ("20331201", 16),
    ("", 22),
    ("CAN", 6),
    ("Y", 2),
    ("001", 6),
]
"""The numbers of both are samples that were published with their rules."""


def written(parts, **changes) -> bytes:
    """Return 256 bytes with the parts one behind the other; `changes` as `at_3="text"`."""
    values = [changes.get(f"at_{at}", value) for at, (value, _) in enumerate(parts)]
    padded = [
        value.encode("utf-16-le") + b" \x00" * ((length - 2 * len(value)) // 2)
        for value, (_, length) in zip(values, parts, strict=True)
    ]
    text = b"".join(padded)
    assert len(text) == 256
    return text


def test_each_field_of_a_residents_card_is_found_in_its_place():
    identity = decode(written(RESIDENT))
    assert identity.kind == "resident"
    assert identity.fields == {
        "name": "样例",
        "sex": "f",
        "birth": "1949-12-31",
        "address": "北京市朝阳区",
        "number": "11010519491231002X",
        "issuer": "样本市公安局",
        "valid_from": "2020-01-01",
        "valid_to": None,
    }
    assert identity.doubts == ()


def test_each_field_of_a_residence_permit_is_found_in_its_place():
    identity = decode(written(PERMIT))
    assert identity.kind == "residence_permit"
    assert identity.fields == {
        "name": "样例",
        "sex": "m",
        "birth": "1990-01-01",
        "address": "广东省样本市",
        "number": "810000199001010115",
        "issuer": "样本市公安局",
        "valid_from": "2024-01-01",
        "valid_to": "2029-01-01",
        "pass_number": "H12345678",
        "issue_count": "02",
    }
    assert identity.doubts == ()


def test_each_field_of_a_permanent_residents_card_of_2017_is_found_in_its_place():
    identity = decode(written(PR2017))
    assert identity.kind == "permanent_resident_2017"
    assert identity.fields == {
        "name": "样例",
        "name_en": "SPECIMEN, INVENTED",
        "sex": "f",
        "birth": "1980-01-01",
        "number": "PAK310080010103",
        "issuer": "3100",
        "valid_from": "2017-01-01",
        "valid_to": "2027-01-01",
        "nationality": "PAK",
    }
    assert identity.doubts == ()


def test_each_field_of_a_permanent_residents_card_of_2023_is_found_in_its_place():
    identity = decode(written(PR2023))
    assert identity.kind == "permanent_resident_2023"
    assert identity.fields == {
        "name": "样例",
        "name_en": "SPECIMEN, INVENTED",
        "sex": "f",
        "birth": "1981-08-03",
        "number": "911124198108030024",
        "valid_from": "2023-12-01",
        "valid_to": "2033-12-01",
        "nationality": "CAN",
        "renewals": "03",
        "association": "001",
    }
    assert identity.doubts == ()


@pytest.mark.parametrize(
    ("first", "more", "name"),
    [
        ("A" * 35, "BC", "A" * 35 + "BC"),
        ("A" * 35, "", "A" * 35),
        ("A" * 34, "BC", "A" * 34 + " BC"),
        ("A" * 33, "", "A" * 33),
        ("AB", "never", "AB"),
    ],
)
def test_an_english_name_goes_on_elsewhere_when_its_place_is_full(first, more, name):
    assert decode(written(PR2023, at_4=first, at_9=more)).fields["name_en"] == name


@pytest.mark.parametrize("letter", ["", "X", "i", "�", "0"])
def test_any_other_letter_is_a_residents(letter):
    text = bytearray(written(RESIDENT))
    text[248:250] = letter.encode("utf-16-le") or b" \x00"
    assert decode(bytes(text)).kind == "resident"


def test_the_nation_is_on_the_card_and_not_in_the_identity():
    assert "01" in written(RESIDENT).decode("utf-16-le")
    assert "nation" not in decode(written(RESIDENT)).fields


@pytest.mark.parametrize(("code", "sex"), [("1", "m"), ("2", "f"), ("0", "unknown"), ("9", "not_stated")])
def test_sex_is_said_in_words_whatever_document_it_comes_from(code, sex):
    for parts in (RESIDENT, PERMIT, PR2017, PR2023):
        assert decode(written(parts, at_1=code)).fields["sex"] == sex


@pytest.mark.parametrize("code", ["", "3", "男"])
def test_a_sex_that_is_no_code_is_unknown_and_doubted(code):
    identity = decode(written(RESIDENT, at_1=code))
    assert (identity.fields["sex"], identity.doubts) == ("unknown", ("sex",))


@pytest.mark.parametrize("text", ["", "20230229", "2023010", "不详", "２０２３０１０１"])
def test_a_text_that_is_no_date_stays_as_it_is_and_is_doubted(text):
    identity = decode(written(RESIDENT, at_7=text, at_8=text))
    assert (identity.fields["valid_from"], identity.fields["valid_to"]) == (text, text)
    assert identity.doubts == ("valid_from", "valid_to")


def test_only_what_ends_can_be_without_end():
    assert decode(written(RESIDENT, at_7="长期")).doubts == ("valid_from",)


def test_only_the_asked_fields_are_kept():
    identity = decode(written(RESIDENT)).only({"number", "name"})
    assert dict(identity.fields) == {"name": "样例", "number": "11010519491231002X"}


def test_an_identity_never_shows_whose_it_is():
    identity = decode(written(RESIDENT))
    shown = f"{identity} {identity!r}"
    assert "样例" not in shown
    assert "1949" not in shown
    assert "name, sex" in shown


@pytest.mark.parametrize(
    ("parts", "place", "wrong"),
    [
        (RESIDENT, 5, "110105194912310029"),
        (RESIDENT, 5, "11010519491331002"),
        (RESIDENT, 5, "PAK310080010103"),
        (PERMIT, 5, "810000199001010112"),
        (PR2017, 2, "PAK310080010104"),
        (PR2017, 2, "911124198108030"),
        (PR2023, 5, "911124198108030025"),
    ],
)
def test_an_impossible_number_is_refused_and_not_shown(parts, place, wrong):
    text = written(parts, **{f"at_{place}": wrong})
    with pytest.raises(UnreadableError, match="number is impossible") as failure:
        decode(text)
    assert wrong not in str(failure.value)
    assert failure.value.__context__ is None
    assert spelled(text).fields["number"] == wrong, "a technician is shown it all the same"
    assert spelled(text).doubts == ("number",)


def test_a_birth_date_or_sex_that_contradicts_the_number_is_flagged_and_not_refused():
    assert decode(written(RESIDENT, at_1="1", at_3="19491230")).doubts == ("sex", "birth")
    assert decode(written(PERMIT, at_1="2", at_3="19900102")).doubts == ("sex", "birth")
    assert decode(written(PR2023, at_1="1", at_3="19810804")).doubts == ("sex", "birth")
    assert decode(written(PR2017, at_1="1", at_7="19800102")).doubts == ("birth",), "a number of 2017 tells no sex"


def test_a_newer_address_takes_the_place_of_the_printed_one():
    assert decode(written(RESIDENT), newest_address=cards.encode_address("新址")).fields["address"] == "新址"
    assert decode(written(RESIDENT), newest_address=cards.encode_address("")).fields["address"] == "北京市朝阳区"
    four = b"".join(map(cards.encode_address, ("一", "二", "三", "")))
    assert decode(written(PERMIT), newest_address=four).fields["address"] == "三"
    assert [has_address(written(parts)) for parts in (RESIDENT, PERMIT, PR2017, PR2023)] == [True, True, False, False]


def test_only_padding_at_the_end_is_taken_off():
    assert decode(written(RESIDENT, at_0=" 样 例 ")).fields["name"] == " 样 例"


@pytest.mark.parametrize(
    ("units", "name"),
    [
        (b"\x00\xd8", "�"),
        (b"\x00\xdc", "�"),
        (b"\x00\xd8A\x00", "�A"),
        (b"\x42\xd8\xb7\xdf", "𠮷"),
        (b"\x00\xe0", "\ue000"),
        (b"A\x00\x00\xdc\x00\xdc", "A��"),
    ],
)
def test_rare_characters_never_crash_and_those_that_are_none_are_replaced(units, name):
    text = bytearray(written(RESIDENT))
    text[0:30] = units + b" \x00" * ((30 - len(units)) // 2)
    assert decode(bytes(text)).fields["name"] == name


def test_a_pair_cut_by_the_end_of_its_field_leaks_into_no_other():
    text = bytearray(written(RESIDENT))
    text[28:30] = b"\x00\xd8"
    text[30:32] = b"\x00\xdc"
    identity = decode(bytes(text))
    assert identity.fields["name"].endswith("�")
    assert (identity.fields["sex"], identity.doubts) == ("unknown", ("sex",))


def with_letter(text: bytes, letter: str) -> bytes:
    return text[:248] + letter.encode("utf-16-le") + text[250:]


texts = st.binary(min_size=256, max_size=256)


@given(st.builds(with_letter, texts, st.sampled_from("JIY ")) | texts, st.binary(max_size=300))
def test_any_bytes_give_an_identity_or_are_refused(text, address):
    shown = spelled(text)
    assert set(shown.fields) == set(LAYOUTS[shown.kind])
    assert appended(address) in {*address.decode("utf-16-le", "replace"), appended(address)}
    try:
        identity = decode(text, newest_address=address)
    except UnreadableError:
        assert "number" in shown.doubts
    else:
        assert "number" not in identity.doubts


def fitted(most: int):
    """Texts of at most so many UTF-16 units that end in no padding; two spaces in a row are none of a name's."""
    legal = st.characters(codec="utf-16-le", exclude_categories=["Cs"])

    def fit(text: str) -> str:
        while len(text.encode("utf-16-le")) > 2 * most:
            text = text[:-1]
        while "  " in text:
            text = text.replace("  ", " ")
        return text.rstrip(" ")

    return st.text(legal, max_size=most).map(fit)


births = st.dates(min_value=date(1900, 1, 1)).map(lambda day: f"{day:%Y%m%d}")


@st.composite
def people(draw):
    """Draw what a card says, as it stands on it, and its letter."""
    letter = draw(st.sampled_from(" JIY"))
    birth, sex, serial = draw(births), draw(st.sampled_from("0129")), draw(st.integers(0, 999))
    if letter == "I":
        first = f"UTO3100{birth[2:]}{serial % 10}"
        number = first + check_digits.of(first)
    else:
        first = f"{ {' ': '110101', 'J': '810000', 'Y': '911124'}[letter] }{birth}{serial:03}"
        number = first + identity_numbers.check_character(first)
    sizes = {
        " ": {"name": 15, "address": 35, "issuer": 15, "nation": 2},
        "J": {"name": 15, "address": 35, "issuer": 15, "pass_number": 9, "issue_count": 2},
        "I": {"name": 15, "name_en": 60, "issuer": 4, "nationality": 3, "version": 2},
        "Y": {"name": 15, "name_en": 46, "nationality": 3, "renewals": 2, "association": 3},
    }[letter]
    fields = draw(st.fixed_dictionaries({name: fitted(most) for name, most in sizes.items()}))
    until = draw(st.sampled_from(["长期", "20331201", "20230229", ""]))
    return letter, fields | {
        "birth": birth,
        "sex": sex,
        "number": number,
        "valid_from": draw(births),
        "valid_to": until,
    }


@given(people())
def test_what_is_written_on_a_card_of_any_layout_is_what_is_read(person):
    letter, fields = person
    identity = decode(cards.encode(fields, letter=letter))
    for name in identity.fields.keys() - {"sex", "birth", "valid_from", "valid_to"}:
        assert identity.fields[name] == fields[name], name
    assert identity.fields["birth"].replace("-", "") == fields["birth"]
    assert identity.fields["sex"] == {"0": "unknown", "1": "m", "2": "f", "9": "not_stated"}[fields["sex"]]
    assert identity.fields["valid_to"] == {"长期": None, "20331201": "2033-12-01"}.get(
        fields["valid_to"], fields["valid_to"]
    )
    assert ("valid_to" in identity.doubts) == (fields["valid_to"] in ("20230229", ""))
    contradicts = letter != "I" and fields["sex"] in "12" and int(fields["number"][16]) % 2 != int(fields["sex"]) % 2
    assert ("sex" in identity.doubts) == contradicts


def test_the_invented_people_are_read_as_they_are_written_and_have_valid_numbers():
    played = cards.load(cards.PEOPLE)
    assert list(played) == [f"card-{number}" for number in range(1, 12)]
    identities = {card: decode(one.text, newest_address=one.newest_address) for card, one in played.items()}
    for card, identity in identities.items():
        assert identity.fields["birth"].startswith("19")
        assert identity.fields["birth"] < "1912", "nobody of that age is alive"
        assert identity.doubts == (("sex",) if card == "card-7" else ())
    assert {identity.kind for identity in identities.values()} == set(LAYOUTS)
    assert len(identities["card-6"].fields["name"]) == 15
    assert len(identities["card-6"].fields["address"]) == 35
    assert len(identities["card-10"].fields["name_en"]) == 46
    assert identities["card-11"].fields["address"] == "浙江省样本市虚构区不存在新村11号"
