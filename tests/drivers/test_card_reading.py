"""The card reader: its driver and the simulator's process, over a real pty: reading, asking, waiting."""

import asyncio
from itertools import pairwise

import pytest
from card_rig import CARDS, Host, Simulator, identity_of, until

from drivers.identity import NotRead


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path, "--seed", "1") as simulator:
        yield simulator


async def test_a_card_is_read_and_only_the_asked_fields_come_back(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await host.ready()
        identity = await host.read("name", "number")
        assert identity.fields == {"name": "样本一", "number": "130199190002280015"}
        assert identity.kind == "resident"
        assert identity == identity_of("card-1", ("name", "number"))
        assert host.states == [("starting", "opening"), ("ready", "")]


async def test_a_card_put_there_while_the_reader_is_asked_is_read(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        reading = asyncio.create_task(host.read())
        await until(lambda: len(simulator.log("find")) >= 2, "looking for a card")
        simulator.ask("put card-5")
        assert await reading == identity_of("card-5")


async def test_nobody_looks_for_a_card_unless_a_read_is_asked_for(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await host.ready()
        assert {entry["event"] for entry in simulator.log()} == {"put", "sam_id"}
        await host.read()
        before = len(simulator.log("find"))
        await until(lambda: simulator.log("read"), "the read")
        assert len(simulator.log("find")) == before


async def test_two_attempts_to_find_a_card_are_300_ms_apart_across_reads_too(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        for _ in range(3):
            with pytest.raises(NotRead, match="no_document"):
                await host.read(timeout_s=0.4)
        at_ms = [entry["mono_ns"] / 1e6 for entry in simulator.log("find")]
        assert len(at_ms) >= 4
        assert min(later - earlier for earlier, later in pairwise(at_ms)) > 290


async def test_a_card_that_was_read_and_still_lies_there_is_no_error_and_is_not_read_again(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await host.ready()
        await host.read()
        reading = asyncio.create_task(host.read())
        before = len(simulator.log("find"))
        await until(lambda: len(simulator.log("find")) > before + 1, "looking for the next card")
        assert not reading.done()
        simulator.ask("lift")
        simulator.ask("put card-2")
        assert await reading == identity_of("card-2")
        assert host.states[-1] == ("ready", "")


async def test_without_a_card_the_read_ends_in_time_and_says_so(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        with pytest.raises(NotRead, match="no_document") as failure:
            await host.read(timeout_s=0.1)
        assert failure.value.reason == "no_document"
        assert host.reader.state == "ready"


async def test_a_second_read_beside_the_first_is_refused_and_leaves_it_alone(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        reading = asyncio.create_task(host.read())
        await until(lambda: simulator.log("find"), "the first read")
        with pytest.raises(NotRead, match="busy"):
            await host.read()
        simulator.ask("put card-1")
        assert await reading == identity_of("card-1")


async def test_a_read_that_is_called_off_at_any_moment_leaves_nothing_for_the_next_one(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        for turn in range(7):
            simulator.ask(f"put card-{turn % 5 + 1}")
            reading = asyncio.create_task(host.read())
            seen = len(simulator.log())
            await until(lambda seen=seen, turn=turn: len(simulator.log()) >= seen + turn, "some answers")
            reading.cancel()
            await asyncio.wait([reading])
            simulator.ask("put card-6")
            assert await host.read() == identity_of("card-6")


@pytest.mark.parametrize("card", CARDS)
async def test_a_card_of_any_layout_is_read(simulator, card):
    simulator.ask(f"put {card}")
    async with Host(simulator.link) as host:
        await host.ready()
        assert await host.read() == identity_of(card)


async def test_a_card_with_an_impossible_number_is_for_the_officer_to_type(tmp_path):
    path = tmp_path / "cards.toml"
    path.write_text('[wrong]\nname = "错号"\nsex = "2"\nbirth = "19491231"\nnumber = "110105194912310029"\n')
    with Simulator(tmp_path, "--cards", str(path)) as simulator:
        simulator.ask("put wrong")
        async with Host(simulator.link) as host:
            await host.ready()
            with pytest.raises(NotRead, match="unreadable"):
                await host.read()


async def test_the_newest_address_is_taken_and_asked_for_only_with_the_address(simulator):
    simulator.ask("put card-11")
    async with Host(simulator.link) as host:
        await host.ready()
        assert (await host.read("name", "address")).fields["address"] == "浙江省样本市虚构区不存在新村11号"
        assert len(simulator.log("address")) == 2
        simulator.ask("put card-11")
        assert (await host.read("name", "number")).fields["name"] == "迁居十一"
        simulator.ask("put card-9")
        assert "address" not in (await host.read()).fields, "a card without an address is not asked for a newer one"
        assert len(simulator.log("address")) == 2


async def test_without_a_newest_address_the_printed_one_stands(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await host.ready()
        assert (await host.read("address")).fields["address"] == "河北省石家庄市样本区虚构街道不存在路1号"
        assert {entry["status"] for entry in simulator.log("address")} == {"91"}


async def test_a_card_that_contradicts_its_own_number_is_flagged_and_not_refused(simulator):
    simulator.ask("put card-7")
    async with Host(simulator.link) as host:
        await host.ready()
        identity = await host.read("name")
        assert identity.doubts == ("sex",)
        assert set(identity.fields) == {"name"}


async def test_a_reader_that_is_not_there_is_no_reason_to_wait(tmp_path):
    async with Host(tmp_path / "nothing") as host:
        await until(lambda: host.states == [("absent", "not_found")], "absent")
        with pytest.raises(NotRead, match="reader"):
            await host.read()


async def test_a_reader_is_asked_twice_for_each_card_unless_it_cannot(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link, read_twice=False) as host:
        await host.ready()
        assert await host.read() == identity_of("card-1")
        assert len(simulator.log("read")) == 1
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await host.ready()
        assert await host.read() == identity_of("card-1")
        assert len(simulator.log("read")) == 3
