"""A card reader and a line that misbehave in every way we know: never a wrong identity, and a right one afterwards."""

import asyncio
import random

import pytest
from card_rig import CARDS, Clock, Host, Simulator, identity_of, until

from drivers.identity import NotRead

# The answers of one reading, counted: the first marker, find, select, read, address, address, read, the last marker.
ANSWERS = range(1, 9)
READS, ADDRESSES = (4, 7), (5, 6)
MOVED = "card-11"
"""It has a newest address; the others have none."""


@pytest.fixture
def seed():
    seed = random.randrange(1 << 32)
    print("seed", seed)  # pytest shows it when the test fails
    return seed


@pytest.fixture
def simulator(tmp_path, seed):
    with Simulator(tmp_path, "--seed", str(seed)) as simulator:
        yield simulator


async def outcome(host, **options):
    """Return the identity that was read, or the reason for there being none."""
    try:
        return await host.read(**options)
    except NotRead as failure:
        return failure.reason


async def read_in_the_end(host, simulator, card):
    """Do as the citizen is asked to until the card is read; nothing else may ever come out."""
    for _ in range(6):
        simulator.ask(f"put {card}")
        result = await outcome(host, timeout_s=2)
        if result == identity_of(card):
            return
        assert isinstance(result, str), "somebody else's identity"
    raise AssertionError(f"{card} was never read")


@pytest.mark.parametrize("trick", ["double", "stale", "garble", "twist", "short", "mute"])
async def test_whatever_happens_to_one_answer_the_identity_is_the_right_one_or_none(tmp_path, seed, trick):
    async def play(turn):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with Simulator(folder, "--seed", str(seed)) as simulator:
            async with Host(simulator.link) as host:
                await host.ready()
                simulator.ask(f"put {MOVED}")
                simulator.ask(f"{trick} {turn}")
                assert await outcome(host) in (identity_of(MOVED), "lift")
                await read_in_the_end(host, simulator, "card-2")
                assert "faulty" not in dict(host.states), "one bad answer is no fault"

    await asyncio.gather(*map(play, ANSWERS))


async def test_two_characters_that_changed_places_pass_the_readers_checksum_and_not_us(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        for turn in (*READS, *ADDRESSES):
            simulator.ask(f"put {MOVED}")
            simulator.ask(f"twist {turn}")
            assert await outcome(host) == "lift"
            assert host.reader.noise_bytes == 0, "the frame itself was good"


async def test_an_answer_still_under_way_is_never_taken_for_that_of_the_next_card(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        for first, second in (("card-1", "card-2"), ("card-3", "card-4")):
            simulator.ask(f"put {first}")
            simulator.ask("late 250")
            reading = asyncio.create_task(outcome(host))
            before = len(simulator.log("read"))
            await until(lambda before=before: len(simulator.log("read")) > before, "the first card to be read")
            reading.cancel()
            await asyncio.wait([reading])
            simulator.ask(f"put {second}")
            simulator.ask("late 0")
            assert await host.read() == identity_of(second)


async def test_a_reader_that_is_always_too_late_reads_nothing_and_then_the_right_card(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        simulator.ask("late 1100")
        simulator.ask("put card-1")
        assert await outcome(host, timeout_s=1) in ("no_document", "reader")
        simulator.ask("late 0")
        await read_in_the_end(host, simulator, "card-2")


async def test_a_slow_reader_is_waited_for(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        simulator.ask("late 200")
        simulator.ask("put card-1")
        assert await host.read() == identity_of("card-1")


@pytest.mark.parametrize(
    ("after", "whose"),
    [("find", "other"), ("select", "other"), ("read", None), ("address", None), ("sam_id", "other")],
)
@pytest.mark.parametrize(("first", "other"), [("card-1", MOVED), (MOVED, "card-1")])
async def test_cards_that_are_swapped_are_never_mixed(simulator, after, whose, first, other):
    async with Host(simulator.link) as host:
        await host.ready()
        simulator.ask(f"put {first}")
        simulator.ask(f"swap {other} {after}")
        assert await outcome(host) == (identity_of(other) if whose else "lift")
        await read_in_the_end(host, simulator, "card-3")


async def test_noise_at_any_time_neither_makes_nor_changes_an_identity(simulator, seed):
    rng = random.Random(seed)
    async with Host(simulator.link) as host:
        await host.ready()
        for card in ("card-1", "card-2", "card-3"):
            reading = asyncio.create_task(outcome(host, timeout_s=3))
            for _ in range(3):
                simulator.ask(f"noise {rng.randrange(1, 300)}")
                at = len(simulator.log())
                await until(lambda at=at: len(simulator.log()) > at, "the next answer")
            simulator.ask(f"put {card}")
            simulator.ask(f"noise {rng.randrange(1, 300)}")
            assert await reading in (identity_of(card), "lift", "no_document")
            await read_in_the_end(host, simulator, card)
        assert host.reader.noise_bytes > 0


async def test_a_card_is_read_behind_a_flood(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        simulator.ask("noise 60000")
        simulator.ask("put card-1")
        assert await outcome(host) in (identity_of("card-1"), "reader")
        await read_in_the_end(host, simulator, "card-2")


async def test_a_cable_torn_a_hundred_times_in_the_middle_of_any_answer_reads_nobody_wrong(tmp_path, seed):
    async def play(name):
        folder = tmp_path / name
        folder.mkdir()
        with Simulator(folder, "--seed", str(seed)) as simulator:
            async with Host(simulator.link) as host:
                await host.ready()
                for turn in range(25):
                    simulator.ask(f"put {list(CARDS)[turn % len(CARDS)]}")
                    simulator.ask(f"unplug {turn % 8 + 1}")
                    assert await outcome(host) in ("reader", *never_torn(turn))
                    if simulator.ask("status")["plugged"]:
                        simulator.ask("unplug")
                    await until(lambda: host.reader.state == "absent", "the reader to be missed")
                    simulator.ask("replug")
                    await host.ready()
                await read_in_the_end(host, simulator, "card-2")
                assert ("faulty", "silent") not in host.states

    await asyncio.gather(*map(play, "abcd"))


def never_torn(turn):
    """A card without an address is read with two answers less: what should tear the cable later does not."""
    card = list(CARDS)[turn % len(CARDS)]
    has_none = "address" not in identity_of(card).fields
    return [identity_of(card)] if has_none and turn % 8 + 1 > 6 else []


@pytest.mark.parametrize("at", ["find", "read", "address"])
async def test_a_reader_that_stalls_and_goes_on_mixes_up_nothing(simulator, at):
    clock = Clock()
    async with Host(simulator.link, monotonic=clock) as host:
        await host.ready()
        simulator.ask("late 20")
        simulator.ask("put card-1")
        reading = asyncio.create_task(outcome(host))
        await until(lambda: simulator.log(at), f"the answer to {at}")
        simulator.stall()

        def over():
            clock.ahead_s += 0.05
            return reading.done()

        await until(over, "the reading to end")
        assert await reading in ("reader", "lift", "no_document")
        simulator.go_on()
        simulator.ask("late 0")
        simulator.ask(f"put {MOVED}")
        assert await outcome(host) in (identity_of(MOVED), "lift", "reader")
        await read_in_the_end(host, simulator, "card-3")


async def test_a_reader_unplugged_while_nobody_reads_is_missed_at_once_and_comes_back(simulator):
    async with Host(simulator.link) as host:
        await host.ready()
        simulator.ask("unplug")
        await until(lambda: host.states[-1] == ("absent", "not_found"), "absent")
        assert await outcome(host) == "reader"
        simulator.ask("replug")
        await host.ready()
        await read_in_the_end(host, simulator, "card-1")


async def test_everything_at_once_never_gives_a_wrong_identity(tmp_path, seed):
    async def play(name):
        rng = random.Random(f"{seed} {name}")
        folder = tmp_path / name
        folder.mkdir()
        with Simulator(folder, "--seed", str(seed)) as simulator:
            async with Host(simulator.link) as host:
                await host.ready()
                for _ in range(6):
                    possible = misbehave(simulator, rng)
                    result = await outcome(host, timeout_s=0.5)
                    assert isinstance(result, str) or result in possible
                simulator.ask("late 0")
                await read_in_the_end(host, simulator, "card-1")

    await asyncio.gather(*map(play, "abcd"))


def misbehave(simulator, rng):
    """Put a card there and do some evil; return the identities that may come of it."""
    here, other = rng.sample(list(CARDS), 2)
    simulator.ask(f"put {here}")
    for _ in range(rng.randrange(3)):
        simulator.ask(f"{rng.choice(['double', 'stale', 'garble', 'twist', 'short'])} {rng.randrange(2, 11)}")
    swapped = rng.random() < 0.3
    if swapped:
        simulator.ask(f"swap {other} {rng.choice(['find', 'select', 'read', 'address'])}")
    if rng.random() < 0.2:
        simulator.ask(f"noise {rng.randrange(1, 500)}")
    simulator.ask(f"late {rng.choice([0, 0, 0, 30])}")
    return [identity_of(card) for card in ([here, other] if swapped else [here])]
