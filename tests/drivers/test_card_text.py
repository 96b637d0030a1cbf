"""A card's text: where each field stands, and what a broken or strange card may not do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import identity_numbers
from drivers.card_text import UnreadableError, decode
from drivers.simulators import cards

BY_HAND = [
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


def spelled(parts) -> bytes:
    text = b"".join(value.encode("utf-16-le").ljust(length, b" ").replace(b"  ", b" \x00") for value, length in parts)
    assert len(text) == 256
    return text


def test_each_field_of_a_residents_card_is_found_in_its_place():
    identity = decode(spelled(BY_HAND))
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


def test_the_nation_is_on_the_card_and_not_in_the_identity():
    assert "01" in spelled(BY_HAND).decode("utf-16-le")
    assert "nation" not in decode(spelled(BY_HAND)).fields


@pytest.mark.parametrize(("code", "sex"), [("1", "m"), ("2", "f"), ("0", "unknown"), ("9", "not_stated")])
def test_sex_is_said_in_words_whatever_document_it_comes_from(code, sex):
    assert decode(spelled([BY_HAND[0], (code, 2), *BY_HAND[2:]])).fields["sex"] == sex


@pytest.mark.parametrize("code", ["", "3", "男"])
def test_a_sex_that_is_no_code_is_unknown_and_doubted(code):
    identity = decode(spelled([BY_HAND[0], (code, 2), *BY_HAND[2:]]))
    assert (identity.fields["sex"], identity.doubts) == ("unknown", ("sex",))


@pytest.mark.parametrize("text", ["", "20230229", "2023010", "不详", "２０２３０１０１"])
def test_a_text_that_is_no_date_stays_as_it_is_and_is_doubted(text):
    identity = decode(spelled([*BY_HAND[:7], (text, 16), (text, 16), *BY_HAND[9:]]))
    assert (identity.fields["valid_from"], identity.fields["valid_to"]) == (text, text)
    assert identity.doubts == ("valid_from", "valid_to")


def test_only_what_ends_can_be_without_end():
    assert decode(spelled([*BY_HAND[:7], ("长期", 16), *BY_HAND[8:]])).doubts == ("valid_from",)


def test_only_the_asked_fields_are_kept():
    identity = decode(spelled(BY_HAND)).only({"number", "name"})
    assert dict(identity.fields) == {"name": "样例", "number": "11010519491231002X"}


def test_an_identity_never_shows_whose_it_is():
    identity = decode(spelled(BY_HAND))
    shown = f"{identity} {identity!r}"
    assert "样例" not in shown
    assert "1949" not in shown
    assert "name, sex" in shown


@pytest.mark.parametrize("letter", "IYJ")
def test_a_layout_not_known_here_is_refused_and_tells_nothing(letter):
    text = bytearray(spelled(BY_HAND))
    text[248:250] = letter.encode("utf-16-le")
    with pytest.raises(UnreadableError, match="not known here") as failure:
        decode(bytes(text))
    assert "1949" not in str(failure.value)


def test_an_impossible_number_is_refused_and_not_shown():
    with pytest.raises(UnreadableError, match="check_character") as failure:
        decode(spelled([*BY_HAND[:5], ("110105194912310029", 36), *BY_HAND[6:]]))
    assert "1101" not in str(failure.value)
    assert failure.value.__context__ is None


def test_a_birth_date_or_sex_that_contradicts_the_number_is_flagged_and_not_refused():
    strange = decode(spelled([BY_HAND[0], ("1", 2), BY_HAND[2], ("19491230", 16), *BY_HAND[4:]]))
    assert strange.doubts == ("sex", "birth")


def test_only_padding_at_the_end_is_taken_off():
    assert decode(spelled([(" 样 例 ", 30), *BY_HAND[1:]])).fields["name"] == " 样 例"


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
    text = bytearray(spelled(BY_HAND))
    text[0:30] = units + b" \x00" * ((30 - len(units)) // 2)
    assert decode(bytes(text)).fields["name"] == name


def test_a_pair_cut_by_the_end_of_its_field_leaks_into_no_other():
    text = bytearray(spelled(BY_HAND))
    text[28:30] = b"\x00\xd8"
    text[30:32] = b"\x00\xdc"
    identity = decode(bytes(text))
    assert identity.fields["name"].endswith("�")
    assert (identity.fields["sex"], identity.doubts) == ("unknown", ("sex",))


@given(st.binary(min_size=256, max_size=256))
def test_any_256_bytes_give_an_identity_or_are_refused(text):
    try:
        identity = decode(text)
    except UnreadableError:
        return
    assert identity_numbers.mistake(identity.fields["number"], today=None) is None


def _texts(most: int):
    legal = st.characters(codec="utf-16-le", exclude_categories=["Cs"])
    return st.text(legal, max_size=most).map(lambda text: _fit(text, most).rstrip(" "))


def _fit(text: str, most: int) -> str:
    while len(text.encode("utf-16-le")) > 2 * most:
        text = text[:-1]
    return text


TEXTS = {"name": 15, "nation": 2, "address": 35, "issuer": 15, "valid_from": 8, "valid_to": 8}


@given(st.fixed_dictionaries({name: _texts(most) for name, most in TEXTS.items()}), st.sampled_from("0129"))
def test_what_is_written_on_a_card_is_what_is_read(texts, sex):
    fields = texts | {"sex": sex, "birth": "19491231", "number": "11010519491231002X"}
    identity = decode(cards.encode(fields))
    read = {name: identity.fields[name] for name in ("name", "address", "issuer", "number")}
    assert read == {name: fields[name] for name in read}
    assert identity.fields["birth"] == "1949-12-31"
    assert ("sex" in identity.doubts) == (sex == "1")


def test_the_invented_people_are_read_as_they_are_written_and_have_valid_numbers():
    people = cards.load(cards.PEOPLE)
    assert list(people) == [f"card-{number}" for number in range(1, 9)]
    for card, text in people.items():
        if card == "card-8":
            continue
        identity = decode(text)
        assert identity.fields["birth"].startswith("190"), "nobody of that age is alive"
        assert identity.doubts == (("sex",) if card == "card-7" else ())
    assert len(decode(people["card-6"]).fields["name"]) == 15
    assert len(decode(people["card-6"]).fields["address"]) == 35
