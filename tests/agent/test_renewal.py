"""The certificate's renewal: in time, after any absence, whatever the clock says, and through a kill at any point."""

import datetime as dt
import os
import random
import ssl
import threading

import pytest

from agent import key_folder
from agent.enrolling import Devices, enrol
from agent.headquarters import AwayError, Headquarters
from agent.key_folder import KeyFolders
from agent.renewal import LinkFacts, Renewal
from agent.time_floor import StationClock
from common import certificates
from sync import base64url
from tests.enrolment_rig import DAY_MS, Office

STATION = "sjz-001"
DAYS = 90


class Killed(BaseException):
    """The process was killed just here."""


class MovedClock(StationClock):
    """A station's clock whose wall, monotonic time and synchronisation the test moves."""

    def __init__(self, file, *, wall=0, synchronised=True):
        self.wall, self.mono_s, self.synchronised = wall, 5000.0, synchronised
        super().__init__(file)

    def wall_ms(self):
        return self.wall

    def mono_ns(self):
        return int(self.mono_s * 1_000_000_000)

    def trusted(self):
        return self.synchronised and self.wall >= self.floor_ms

    def pass_s(self, seconds):
        self.mono_s += seconds
        self.wall += int(seconds * 1000)


class Kiosk:
    """An enrolled station's renewal, its clock, and how its link stands."""

    def __init__(self, office: Office, home, **clock):
        self.office, self.home = office, home
        self.folders = KeyFolders(home)
        if self.folders.current is None:
            enrol(office.invite(STATION), home, Devices(panel=None, card_reader=None), check_dates=lambda: True)
        self.clock = MovedClock(home / "data/time.floor", **({"wall": office.wall_ms} | clock))
        self.facts = LinkFacts(up=True, unanswered=False, key_refused=False, answered_at=float("-inf"))
        self.used = []
        self.renewal = Renewal(
            station=STATION,
            at=office.at,
            home=home,
            clock=self.clock,
            link=lambda: self.facts,
            on_renewed=self.used.append,
            changed=lambda: None,
            monotonic=lambda: self.clock.mono_s,
            rng=random.Random(7),
        )

    def link(self, **facts) -> None:
        self.facts = LinkFacts(
            **({"up": True, "unanswered": False, "key_refused": False, "answered_at": float("-inf")} | facts)
        )

    async def looks(self, times: int, every_s: float = 5.0) -> None:
        for _ in range(times):
            await self.renewal.look()
            self.clock.pass_s(every_s)

    async def away(self, days: int) -> None:
        """Time passes without this kiosk."""
        self.office.wall_ms += days * DAY_MS
        self.clock.pass_s(days * 86_400)

    @property
    def key_id(self) -> bytes:
        return self.folders.current.signing_key.public.id

    @property
    def until_ms(self) -> float:
        return self.folders.current.certificate.not_valid_after_utc.timestamp() * 1000

    def is_whole(self) -> bool:
        certificates.check_pair(self.home / "keys/tls.pem", self.home / "keys/tls.key")
        return self.office.keys.standing(STATION, self.key_id) == "current"


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path / "hq", days=DAYS)
    office.start()
    yield office
    office.stop()


@pytest.fixture
def kiosk(office, tmp_path):
    return Kiosk(office, tmp_path / "kiosk")


async def test_at_two_thirds_of_its_life_keys_and_certificate_are_new_and_not_before(kiosk):
    first = kiosk.key_id
    await kiosk.away(59)
    await kiosk.looks(2)
    assert (kiosk.used, kiosk.key_id) == ([], first)
    await kiosk.away(2)
    await kiosk.looks(2)
    assert [key.public.id for key in kiosk.used] == [kiosk.key_id] != [first]
    assert kiosk.is_whole()
    assert kiosk.until_ms > kiosk.clock.wall + 80 * DAY_MS
    assert kiosk.office.keys.standing(STATION, first) == "previous"
    assert abs(kiosk.renewal.certificate_s - DAYS * 86_400) < 86_400
    assert kiosk.renewal.waits_for is None


async def test_forty_days_after_it_expired_it_renews_with_its_key_alone(kiosk):
    await kiosk.away(DAYS + 40)
    kiosk.link(up=False)
    await kiosk.looks(1)
    assert kiosk.is_whole()
    assert kiosk.renewal.waits_for is None


async def test_booted_in_1970_it_learns_the_time_from_headquarters_and_renews(office, tmp_path, kiosk):
    await kiosk.away(DAYS + 40)
    kiosk = Kiosk(office, tmp_path / "kiosk", wall=120_000, synchronised=False)
    kiosk.link(up=False)
    await kiosk.looks(2)
    assert not kiosk.renewal.certificate_due  # as far as it can know
    assert kiosk.used == []
    await kiosk.looks(3)
    assert len(kiosk.used) == 1
    assert kiosk.is_whole()
    assert abs(kiosk.clock.believed_ms() - office.wall_ms) < 60_000
    assert not kiosk.clock.trusted()


async def test_a_clock_that_calls_1970_right_is_not_believed(office, tmp_path, kiosk):
    kiosk = Kiosk(office, tmp_path / "kiosk", wall=120_000)
    await kiosk.looks(1)
    assert not kiosk.clock.trusted()
    assert kiosk.clock.believed_ms() >= kiosk.folders.current.certificate.not_valid_before_utc.timestamp() * 1000


async def test_killed_before_any_step_is_on_the_disk_a_new_start_ends_with_one_whole_identity(office, tmp_path):
    reached, whole = 0, False
    while not whole:
        home = tmp_path / f"kiosk-{reached}"
        kiosk = Kiosk(office, home)
        office.wall_ms += 70 * DAY_MS
        kiosk.clock.wall = office.wall_ms
        steps = iter(range(10_000))

        def step(descriptor, *, steps=steps, at=reached):
            if threading.current_thread() is threading.main_thread() and next(steps) == at:
                raise Killed
            return os.fdatasync(descriptor)

        with pytest.MonkeyPatch.context() as killing:
            killing.setattr(key_folder.os, "fsync", step)
            killing.setattr("agent.renewal.asyncio.to_thread", inline)
            try:
                await kiosk.renewal.look()
                whole = True
            except Killed:
                certificates.check_pair(home / "keys/tls.pem", home / "keys/tls.key")
                assert office.keys.standing(STATION, kiosk.key_id) in {"current", "previous"}
        again = Kiosk(office, home)
        await again.looks(2)
        assert again.is_whole()
        assert again.until_ms > office.wall_ms + 80 * DAY_MS
        reached += 1
    assert reached > 10


async def inline(work, *arguments):
    """What `asyncio.to_thread` does, in the thread that asks: there it can be killed."""
    return work(*arguments)


async def test_an_answer_that_never_came_is_asked_for_again_with_the_same_new_key(kiosk, monkeypatch):
    await kiosk.away(70)
    with monkeypatch.context() as lost:
        lost.setattr(kiosk.office.registrar, "_answer", lambda *_: (_ for _ in ()).throw(OSError("cut")))
        await kiosk.looks(1)
    coming = kiosk.folders.next.signing_key.public.id
    assert kiosk.office.keys.standing(STATION, coming) == "current"
    assert kiosk.office.keys.standing(STATION, kiosk.key_id) == "previous"
    await kiosk.looks(3)
    assert kiosk.key_id == coming
    assert kiosk.is_whole()


async def test_while_headquarters_is_away_it_says_what_it_waits_for_and_goes_on_by_itself(office, kiosk):
    await kiosk.away(DAYS + 1)
    at, kiosk.renewal._at = kiosk.renewal._at, "127.0.0.1:1"
    kiosk.link(up=False)
    await kiosk.looks(5)
    assert kiosk.renewal.waits_for == "certificate"
    kiosk.renewal._at = at
    await kiosk.looks(60)
    assert kiosk.renewal.waits_for is None
    assert kiosk.is_whole()


async def test_headquarters_that_answers_nothing_is_asked_less_and_less_often(kiosk, monkeypatch):
    asked = []

    async def silent(*_):
        asked.append(kiosk.clock.mono_s)
        raise AwayError("silence")

    monkeypatch.setattr("agent.renewal.Headquarters.asked", silent)
    await kiosk.away(DAYS + 1)
    await kiosk.looks(720)  # an hour
    assert 12 <= len(asked) < 80


async def test_headquarters_restored_from_an_older_copy_learns_the_key_again(kiosk):
    before = kiosk.folders.current.signing_key.public
    await kiosk.away(70)
    await kiosk.looks(1)
    kiosk.office.keys.replace(STATION, before)  # as the copy had it
    assert kiosk.office.keys.standing(STATION, kiosk.key_id) == "unknown"
    kiosk.link(key_refused=True)
    renewed = kiosk.key_id
    await kiosk.looks(1)
    assert kiosk.key_id == renewed
    assert kiosk.is_whole()


@pytest.mark.parametrize("how", ["swapped", "revoked"])
async def test_a_key_that_headquarters_gave_up_needs_a_new_enrolment(office, tmp_path, kiosk, how, caplog):
    if how == "swapped":
        Kiosk(office, tmp_path / "another")
    else:
        office.revoke(STATION)
    kiosk.link(up=False)
    await kiosk.looks(100)
    assert kiosk.renewal.waits_for == "enrolment"
    assert sum("jingting hq invite" in record.message for record in caplog.records) == 1
    await kiosk.away(70)
    await kiosk.looks(20)
    assert kiosk.renewal.waits_for == "enrolment"
    assert kiosk.used == []


async def test_nothing_is_asked_while_the_link_is_well(kiosk):
    await kiosk.looks(1000)
    kiosk.link(unanswered=True, answered_at=kiosk.clock.mono_s)
    await kiosk.looks(59)
    kiosk.link()
    await kiosk.looks(1)
    kiosk.link(up=False)
    await kiosk.looks(11)
    kiosk.link()
    await kiosk.looks(1)
    assert kiosk.office.count("standing", "granted") == 0


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [({"key_refused": True}, 0), ({"up": False}, 60), ({"unanswered": True}, 300)],
)
async def test_headquarters_is_asked_when_something_is_wrong_with_the_link(kiosk, facts, seconds):
    await kiosk.looks(1)
    kiosk.link(**facts)
    await kiosk.looks(max(0, seconds // 5 - 1))
    assert kiosk.office.count("standing", "granted") == 0
    await kiosk.looks(2)
    assert kiosk.office.count("standing", "granted") == 1
    await kiosk.looks(20)
    assert kiosk.office.count("standing", "granted") == 1


async def test_an_authority_that_is_another_one_is_not_taken_over(office, tmp_path, kiosk, monkeypatch):
    other = Office(tmp_path / "other")
    right = office.registrar._answer
    monkeypatch.setattr(office.registrar, "_answer", lambda *given: right(*given) | {"authority": other.pem})
    await kiosk.away(70)
    await kiosk.looks(3)
    assert kiosk.used == []
    assert (kiosk.home / "keys/ca.pem").read_text() == office.pem
    other.stop()


async def test_pinned_order_keys_stay_until_headquarters_has_none_of_them(office, kiosk, monkeypatch):
    pinned = (kiosk.home / "keys/headquarters.pub").read_bytes()
    other = Office(kiosk.home / "other")
    both = [office.order_key.public.raw, other.order_key.public.raw]
    right = office.registrar._answer
    told = [base64url.encode(key) for key in reversed(both)]
    monkeypatch.setattr(office.registrar, "_answer", lambda *given: right(*given) | {"order_keys": told})
    await kiosk.away(70)
    await kiosk.looks(1)
    assert (kiosk.home / "keys/headquarters.pub").read_bytes() == pinned
    monkeypatch.setattr(office.registrar, "_answer", lambda *given: right(*given) | {"order_keys": told[:1]})
    await kiosk.away(70)
    await kiosk.looks(1)
    assert (kiosk.home / "keys/headquarters.pub").read_text().strip() == told[0]
    other.stop()


async def test_old_folders_go_and_the_one_before_stays(kiosk):
    for _ in range(3):
        await kiosk.away(70)
        await kiosk.looks(1)
    assert sorted(path.name for path in kiosk.home.glob("keys*")) == ["keys", "keys-3", "keys-4"]


def test_dates_of_headquarters_certificate_count_only_while_the_clock_does(office, tmp_path):
    future = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)
    folder = tmp_path / "future"
    folder.mkdir()
    public = certificates.create_key(folder / "key")
    (folder / "pem").write_bytes(office.authority.issue_server(["127.0.0.1"], public, now=future, days=90))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem", folder / "key")
    ahead = Office(tmp_path / "ahead")
    ahead.start(context)
    try:
        with pytest.raises(AwayError, match="not yet valid"):
            Headquarters(ahead.at, office.pem, check_dates=lambda: True).ask("/1/nonce", {"v": 1, "station": STATION})
        trusting = Headquarters(ahead.at, office.pem, check_dates=lambda: False)
        assert trusting.ask("/1/nonce", {"v": 1, "station": STATION})["nonce"]
    finally:
        ahead.stop()
