"""Content packs at a station, on real files: taken in a little at a time, checked, shown, given up."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pack_rig import Kiosk, chunk, offer

from agent.content_files import GIVE_WAY, ROOM, SPARE
from agent.quota import MIB, Limits
from common.events.content import ContentWithdrawn
from common.events.journal import StationStarted
from common.pack import CHUNK, numbers_of
from sync import base64url
from tests.packs import STRANGER, make_pack, name, pieces


@pytest.fixture
async def kiosk(tmp_path):
    kiosk = await Kiosk(tmp_path).start()
    yield kiosk
    await kiosk.stop()


def missing(wanted: dict, pack: bytes) -> list[int]:
    return numbers_of(base64url.decode(wanted["missing"]), len(pieces(pack)))


async def test_a_pack_is_offered_wanted_brought_and_stored(kiosk):
    pack = make_pack(pictures=2)
    await kiosk.receive(offer(pack))
    [wanted] = await kiosk.told("content.wanted")
    assert (wanted["pack"], missing(wanted, pack)) == (name(pack), list(range(len(pieces(pack)))))
    await kiosk.receive(*map(chunk, pieces(pack)))
    assert await kiosk.told("content.stored") == [
        {"type": "content.stored", "pack": name(pack), "id": "pack", "version": 1, "way": "order"}
    ]
    assert kiosk.files.path(name(pack)).read_bytes() == pack
    assert kiosk.shown() == [name(pack)]
    assert await kiosk.told("order.applied", "order.failed") == []


async def test_nothing_of_the_chunks_stays_in_the_database(kiosk):
    pack = make_pack(pictures=5)
    await kiosk.take_in(pack)
    # What opened the journal, and the one whose chain an ack shows.
    assert (len(pieces(pack)) > 10, kiosk.lines()) == (True, 2)
    standing = await kiosk.store.standing()
    assert standing.chain == kiosk.hq.lines[-1].chain


async def test_a_chunk_that_is_sent_again_changes_nothing(kiosk):
    pack = make_pack()
    await kiosk.receive(offer(pack))
    await kiosk.receive(chunk(pieces(pack)[0]), chunk(pieces(pack)[0]))
    batch = kiosk.hq.batch(3)
    await kiosk.store.take(batch, now_wall_ms=1, trusted=False)
    assert kiosk.puts == [(name(pack), 0)]
    assert kiosk.lines() <= 2


async def test_what_another_pack_has_is_not_sent_again(kiosk):
    first, second = make_pack(pictures=3), make_pack(pictures=3, change={"version": 2})
    await kiosk.take_in(first)
    await kiosk.receive(offer(second))
    wanted = (await kiosk.told("content.wanted"))[-1]
    same = [n for n, piece in enumerate(pieces(second)) if piece in pieces(first)]
    assert len(same) > len(pieces(second)) // 2
    assert missing(wanted, second) == [n for n in range(len(pieces(second))) if n not in same]
    await kiosk.receive(*(chunk(pieces(second)[n]) for n in missing(wanted, second)))
    assert kiosk.shown() == [name(second)]
    assert (await kiosk.told("content.removed"))[-1] | {"type": ""} == {
        "type": "",
        "pack": name(first),
        "reason": "replaced",
    }
    assert not kiosk.files.path(name(first)).exists()


async def test_one_chunk_completes_every_pack_that_lacks_it(kiosk):
    first, second = make_pack(seed=1), make_pack(seed=1, change={"id": "other"})
    await kiosk.receive(offer(first), offer(second))
    for piece in {*pieces(first), *pieces(second)}:
        await kiosk.receive(chunk(piece))
    assert kiosk.shown() == sorted((name(first), name(second)))


async def test_a_flipped_bit_is_refused_and_the_good_ones_behind_it_go_on(kiosk):
    pack = make_pack()
    bad = bytearray(pieces(pack)[1])
    bad[7] ^= 1
    await kiosk.receive(offer(pack))
    await kiosk.receive(chunk(bytes(bad), sha256=chunk(pieces(pack)[1]).sha256), *map(chunk, pieces(pack)))
    assert [failed["reason"] for failed in await kiosk.told("order.failed")] == ["its hash is another"]
    assert kiosk.shown() == [name(pack)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"signer": STRANGER}, "its signature is wrong"),
        ({"key": STRANGER}, "it is signed by a key that is not headquarters'"),
        ({"html": "<script>alert(1)</script>"}, "a page has more than its few tags"),
        ({"html": '<img src="/content/' + "0" * 64 + '" alt="">'}, "a page shows a picture that is not in the pack"),
        ({"html": '<p onclick="x">'}, "a page has more than its few tags"),
        ({"change": {"pages": [{"zh": 0, "en": 1}]}}, "a page is missing"),
        ({"change": {"begins": "2026-13-01"}}, "its header cannot be read"),
        ({"change": {"kind": "batch"}}, "its header cannot be read"),
    ],
)
async def test_a_pack_that_is_wrong_is_refused_and_the_next_one_is_taken(kiosk, wrong, reason):
    bad, good = make_pack(**wrong), make_pack(seed=2)
    await kiosk.take_in(bad)
    await kiosk.take_in(good)
    assert await kiosk.told("content.refused") == [
        {"type": "content.refused", "pack": name(bad), "way": "order", "reason": reason}
    ]
    assert kiosk.shown() == [name(good)]
    assert not kiosk.files.path(name(bad)).exists()


async def test_a_damaged_file_inside_a_signed_pack_is_refused(kiosk):
    pack = bytearray(make_pack())
    pack[-3] ^= 1
    await kiosk.take_in(bytes(pack))
    assert [refused["reason"] for refused in await kiosk.told("content.refused")] == ["one of its files is damaged"]


async def test_a_withdrawn_pack_is_gone_at_once_and_never_taken_again(kiosk):
    pack = make_pack()
    await kiosk.take_in(pack)
    await kiosk.receive(ContentWithdrawn(pack=name(pack)))
    assert (kiosk.shown(), kiosk.files.path(name(pack)).exists()) == ([], False)
    assert [removed["reason"] for removed in await kiosk.told("content.removed")] == ["withdrawn"]
    await kiosk.receive(offer(pack))
    (kiosk.folder / "usb").mkdir()
    (kiosk.folder / "usb/it.pack").write_bytes(pack)
    await kiosk.work()
    assert kiosk.shown() == []
    assert [failed["reason"] for failed in await kiosk.told("order.failed")] == ["withdrawn"]


async def test_a_pack_withdrawn_while_it_comes_leaves_nothing(kiosk):
    pack = make_pack()
    await kiosk.receive(offer(pack))
    await kiosk.receive(chunk(pieces(pack)[0]), ContentWithdrawn(pack=name(pack)), *map(chunk, pieces(pack)[1:]))
    assert not list((kiosk.folder / "content").iterdir())
    assert await kiosk.told("content.stored") == []


async def test_a_pack_whose_last_day_is_over_is_removed_once_the_time_is_known(kiosk):
    pack = make_pack()
    await kiosk.take_in(pack)
    kiosk.clock.known = False
    kiosk.clock.wall += 30 * 24 * 3600 * 1000
    await kiosk.work()
    assert kiosk.shown() == [name(pack)]
    kiosk.clock.known = True
    await kiosk.work()
    assert kiosk.shown() == []
    assert [removed["reason"] for removed in await kiosk.told("content.removed")] == ["ended"]


async def test_a_kiosk_in_1970_takes_packs_and_shows_none_until_it_knows_the_time(kiosk):
    pack = make_pack()
    kiosk.clock.known, kiosk.clock.wall = False, 0
    await kiosk.take_in(pack)
    assert kiosk.shown() == [name(pack)]
    assert kiosk.content.shelf.leaf() is None
    kiosk.clock.known, kiosk.clock.wall = True, 1_790_000_000_042
    assert kiosk.content.shelf.leaf() is not None


async def test_an_older_version_does_not_come_back(kiosk):
    old, new = make_pack(), make_pack(seed=1, change={"version": 2})
    await kiosk.take_in(new)
    await kiosk.take_in(old)
    assert kiosk.shown() == [name(new)]
    assert [refused["reason"] for refused in await kiosk.told("content.refused")] == [
        "this version, or a newer one, is here already"
    ]


async def test_a_full_disk_refuses_content_and_nothing_else(kiosk):
    pack = make_pack()
    kiosk.free = SPARE + len(pack) - 1
    await kiosk.receive(offer(pack))
    assert [refused["reason"] for refused in await kiosk.told("content.refused")] == [
        "no room: the disk is nearly full"
    ]
    await kiosk.journal.append(StationStarted(agent="x"))
    kiosk.free += 1
    await kiosk.take_in(pack)
    assert kiosk.shown() == [name(pack)]


async def test_content_gives_way_on_a_disk_that_gets_full(kiosk):
    pack = make_pack()
    await kiosk.take_in(pack)
    kiosk.free = GIVE_WAY - 1
    await kiosk.work()
    assert (kiosk.shown(), list((kiosk.folder / "content").iterdir())) == ([], [])
    assert [removed["reason"] for removed in await kiosk.told("content.removed")] == ["no_room"]


async def test_all_packs_together_have_a_limit(kiosk, monkeypatch):
    monkeypatch.setattr("agent.content_files.ROOM", 6 * CHUNK)
    first, second = make_pack(), make_pack(seed=1, change={"id": "other"})
    await kiosk.take_in(first)
    await kiosk.take_in(second)
    assert kiosk.shown() == [name(first)]
    assert ROOM == 64 * MIB


async def test_a_full_journal_refuses_content_and_is_not_stuck(tmp_path):
    kiosk = await Kiosk(tmp_path).start(limits=Limits(max_bytes=MIB, reserve_bytes=MIB // 4))
    pack = make_pack()
    kiosk.journal.quota.disk_is_full()
    await kiosk.receive(offer(pack), chunk(pieces(pack)[0]))
    assert [failed["reason"] for failed in await kiosk.told("order.failed")] == ["no room: the journal is full"] * 2
    assert (await kiosk.store.standing()).standing.cursor == len(kiosk.hq.lines)
    await kiosk.stop()


async def test_a_pack_goes_on_where_it_was_after_a_restart(tmp_path):
    kiosk = await Kiosk(tmp_path).start()
    pack = make_pack(pictures=3)
    half = len(pieces(pack)) // 2
    await kiosk.receive(offer(pack))
    await kiosk.receive(*map(chunk, pieces(pack)[:half]))
    await kiosk.stop()
    await kiosk.start()
    await kiosk.receive(*map(chunk, pieces(pack)[half:]))
    assert kiosk.shown() == [name(pack)]
    assert sorted(kiosk.puts) == [(name(pack), number) for number in range(len(pieces(pack)))]
    await kiosk.stop()
    await kiosk.start()
    await kiosk.work()
    assert kiosk.shown() == [name(pack)]
    await kiosk.stop()


async def test_a_file_that_rots_is_removed_at_the_next_start_and_can_be_offered_again(tmp_path):
    kiosk = await Kiosk(tmp_path).start()
    pack = make_pack()
    await kiosk.take_in(pack)
    await kiosk.stop()
    with kiosk.files.path(name(pack)).open("r+b") as file:
        file.seek(CHUNK)
        file.write(b"rot")
    await kiosk.start()
    await kiosk.work()
    assert kiosk.shown() == []
    assert [removed["reason"] for removed in await kiosk.told("content.removed")] == ["damaged"]
    await kiosk.receive(offer(pack))
    await kiosk.receive(*map(chunk, pieces(pack)))
    assert kiosk.shown() == [name(pack)]
    await kiosk.stop()


async def test_an_offer_of_what_is_there_is_answered_at_once(kiosk):
    pack = make_pack()
    await kiosk.take_in(pack)
    await kiosk.receive(offer(pack))
    assert [stored["pack"] for stored in await kiosk.told("content.stored")] == [name(pack)] * 2
    assert len(await kiosk.told("content.wanted")) == 1


async def test_an_offer_that_makes_no_sense_is_passed_over(kiosk):
    pack = make_pack()
    right = offer(pack)
    for wrong in (
        type(right)(pack=right.pack, size=11 * MIB, chunks=right.chunks),
        type(right)(pack=right.pack, size=right.size + CHUNK, chunks=right.chunks),
        type(right)(pack=right.pack, size=right.size, chunks="!"),
    ):
        await kiosk.receive(wrong)
    assert len(await kiosk.told("order.failed")) == 3
    await kiosk.take_in(pack)
    assert kiosk.shown() == [name(pack)]


class TestUsb:
    @pytest.fixture
    def medium(self, kiosk):
        (kiosk.folder / "usb").mkdir()
        return kiosk.folder / "usb"

    async def test_what_headquarters_signed_is_taken_and_stays_when_the_medium_is_gone(self, kiosk, medium):
        pack = make_pack()
        (medium / "a.pack").write_bytes(pack)
        await kiosk.work()
        assert [stored["way"] for stored in await kiosk.told("content.stored")] == ["usb"]
        (medium / "a.pack").unlink()
        medium.rmdir()
        await kiosk.work()
        assert kiosk.shown() == [name(pack)]

    async def test_anything_else_is_refused_with_a_reason_and_told_once(self, kiosk, medium):
        forged, good = make_pack(signer=STRANGER), make_pack(seed=3)
        (medium / "a.pack").write_bytes(forged)
        (medium / "b.pack").write_bytes(good)
        (medium / "c.pack").write_bytes(b"hello")
        (medium / "holiday.jpg").write_bytes(b"x" * 100)
        (medium / "d.pack").mkdir()
        (medium / "e.pack").symlink_to("/etc/passwd")
        for _ in range(3):
            await kiosk.work()
        assert sorted((refused["way"], refused["reason"]) for refused in await kiosk.told("content.refused")) == [
            ("usb", "its signature is wrong"),
            ("usb", "no pack"),
        ]
        assert kiosk.shown() == [name(good)]
        assert [file.name for file in (kiosk.folder / "content").iterdir()] == [name(good)]

    async def test_a_pack_that_came_by_usb_need_not_come_again(self, kiosk, medium):
        pack = make_pack()
        (medium / "a.pack").write_bytes(pack)
        await kiosk.work()
        await kiosk.receive(offer(pack))
        assert await kiosk.told("content.wanted") == []


async def test_plays_are_counted_by_the_hour_and_nobody_with_them(kiosk):
    pack = make_pack(pictures=2)
    await kiosk.take_in(pack)
    for _ in range(9):  # two pages in two languages, ten seconds each
        assert kiosk.content.shelf.leaf() is not None
        kiosk.clock.mono += 10_500_000_000
    assert await kiosk.told("content.played") == []
    kiosk.clock.wall += 3600 * 1000
    await kiosk.work()
    assert await kiosk.told("content.played") == [
        {"type": "content.played", "pack": name(pack), "day": "2026-09-21", "hour": 22, "plays": 3}
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), sizes=st.lists(st.integers(1, 2 * CHUNK + 1), min_size=1, max_size=4))
async def test_chunks_in_any_order_and_any_number_make_the_pack(tmp_path_factory, data, sizes):
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    packs = [
        make_pack(size=size, seed=number % 2, change={"id": f"pack-{number}"}) for number, size in enumerate(sizes)
    ]
    kiosk = await Kiosk(tmp_path_factory.mktemp("any")).start()
    try:
        await kiosk.receive(*map(offer, packs))
        every = [piece for pack in packs for piece in pieces(pack)]
        sent = data.draw(st.permutations(every)) + data.draw(st.lists(st.sampled_from(every), max_size=3))
        while sent:
            count = rng.randint(1, 4)
            await kiosk.receive(*map(chunk, sent[:count]))
            sent = sent[count:]
        assert kiosk.shown() == sorted(map(name, packs))
        assert len(set(kiosk.puts)) == len(kiosk.puts)
        for pack in packs:
            assert kiosk.files.path(name(pack)).read_bytes() == pack
    finally:
        await kiosk.stop()
