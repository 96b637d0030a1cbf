"""Another order key, another sealing key: told to every station, used when it has them, and nothing old is lost."""

import msgspec
import pytest
from sqlalchemy import select
from store_rig import NOW, STATION, FakeClock, StationJournal, new_id, rows, send_all

from common import keyfiles
from common.events.journal import OrderApplied, OrderFailed
from hq import audit, tables
from hq.orders import Orders
from hq.own_keys import order_keys, sealing_keys
from hq.rotation import rotate
from hq.signers import Signers, StationSigner
from hq.store import Store
from sync import base64url
from sync.sealing import ShiftKey, new_sealing_key
from sync.signing import SigningKey, VerifyKey


@pytest.fixture
def path(tmp_path):
    keyfiles.create(tmp_path / "order.key")
    return tmp_path / "order.key"


def turn(store, path, use="order", *, enrolled=(STATION,), by=order_keys):
    orders = Orders(store, FakeClock())
    return rotate(store, orders, by(path), use, who="li", enrolled=enrolled, now_ms=NOW)


def told(store) -> list[dict]:
    given = sorted(rows(store, tables.orders), key=lambda row: row["position"])
    return [row for row in given if row["type"] == "key.rotated"]


def key_of(row: dict) -> bytes:
    return base64url.decode(msgspec.json.decode(row["data"])["key"])


def applied(store, journal: StationJournal, order: str) -> None:
    journal.add(OrderApplied(order=order))
    store.take(journal.batch(len(journal.lines)), received_ms=NOW)


def signs(store, path, station=STATION) -> bytes:
    return StationSigner(Signers(order_keys(path)), store, station).key_id


def test_the_old_key_signs_for_a_station_until_that_has_said_that_it_pinned_the_new_one(store, path):
    done = turn(store, path)
    [order] = told(store)
    assert SigningKey(keyfiles.read_private(path)).public.raw == key_of(order)
    assert signs(store, path) == done.before != done.now
    journal = StationJournal()
    applied(store, journal, order["id"])
    assert signs(store, path) == done.now
    assert signs(store, path, "sjz-new") == done.now, "who is enrolled after it has the new one"


def test_a_station_that_cannot_pin_it_goes_on_with_the_old_one(store, path):
    done = turn(store, path)
    journal = StationJournal().add(OrderFailed(order=told(store)[0]["id"], reason="ValueError"))
    send_all(store, journal)
    assert signs(store, path) == done.before


def test_two_rotations_at_once_are_gone_through_in_order(store, path):
    first, second = turn(store, path), turn(store, path)
    assert first.now == second.before
    assert signs(store, path) == first.before
    journal = StationJournal()
    for done, order in zip((first, second), told(store), strict=True):
        applied(store, journal, order["id"])
        assert signs(store, path) == done.now


def test_one_that_was_interrupted_goes_on_and_tells_nobody_twice(store, path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("hq.own_keys.OwnKeys.switch", lambda _self: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            turn(store, path)
    before = SigningKey(keyfiles.read_private(path)).public.id
    assert signs(store, path) == before
    [order] = told(store)
    applied(store, StationJournal(), order["id"])
    assert signs(store, path) == VerifyKey(key_of(order)).id, "the station has it, and no other any more perhaps"
    done = turn(store, path, enrolled=(STATION, "sjz-002"))
    assert done.before == before
    assert len(told(store)) == 2
    assert {key_of(row) for row in told(store)} == {key_of(order)}


def test_a_key_is_never_lost_and_a_process_that_runs_finds_each(store, path):
    running = order_keys(path)
    ids = [running.current().public.id]
    ids += [turn(store, path).now for _ in range(3)]
    assert running.current().public.id == ids[-1]
    assert all(running.find(key_id) is not None for key_id in ids)
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.parent.glob("*.key"))
    assert keyfiles.read_public(path.with_name("order.key.pub")) == running.current().public.raw


def test_what_was_sealed_to_an_earlier_key_opens_after_a_rotation(store, tmp_path):
    path = tmp_path / "sealing.key"
    keyfiles.write_pair(path, *new_sealing_key())
    old = sealing_keys(path).current()
    shift = ShiftKey.new(new_id())
    kem = shift.wrap(old.public, STATION)
    done = turn(store, path, "sealing", by=sealing_keys)
    ring = sealing_keys(path)
    assert (ring.current().public.id, done.before) == (done.now, old.public.id)
    found = ring.find(done.before)
    assert found is not None
    opened = found.unwrap(STATION, shift.kid, kem)
    event = new_id()
    assert opened.open(event, shift.seal(event, {"name": "欧阳"})) == {"name": "欧阳"}


def test_a_rotation_is_in_the_audit_by_the_new_keys_id(store, path):
    done = turn(store, path)
    with store.database.read() as connection:
        [line] = [msgspec.json.decode(one.line) for one in audit.read(connection)]
    assert (line["what"], line["who"], line["reason"]) == ("rotate-order", "li", base64url.encode(done.now))


def test_a_snapshot_tells_of_the_key_again_under_the_same_order(store, path):
    turn(store, path)
    [order] = told(store)
    Orders(store, FakeClock()).open_generation(STATION, 5)
    with store.database.read() as connection:
        lines = connection.execute(select(tables.order_lines.c.line)).scalars().all()
    again = [event for line in lines if (event := msgspec.json.decode(line))["type"] == "key.rotated"]
    assert [event["data"].get("order", event["id"]) for event in again] == [order["id"]] * 2


def test_headquarters_signs_with_the_newest_key_for_who_says_it_does_not_know_the_other(store: Store, path):
    done = turn(store, path)
    assert signs(store, path) == done.before
    store.sign_with_newest(STATION)
    assert signs(store, path) == done.now
