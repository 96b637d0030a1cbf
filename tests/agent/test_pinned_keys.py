"""Whom a station believes: keys it was enrolled with and keys that orders named, through restarts and damage."""

import pytest

from agent.pinned_keys import GRACE_S, PinnedKeys
from common.events.records import KeyRotated
from sync import base64url
from sync.sealing import SealingKey
from sync.signing import SigningKey

OLD, NEW, NEWER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
SEALING, OTHER_SEALING = SealingKey(bytes(range(96))), SealingKey(bytes(96))


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Watch()


@pytest.fixture
def started(tmp_path, clock):
    def start() -> PinnedKeys:
        return PinnedKeys(
            tmp_path / "headquarters.json", order=[OLD.public.raw], sealing=SEALING.public.raw, monotonic=clock
        )

    return start


def rotate(keys: PinnedKeys, key: SigningKey | SealingKey) -> None:
    use = "order" if isinstance(key, SigningKey) else "sealing"
    keys.rotate(None, "", KeyRotated(use=use, key=base64url.encode(key.public.raw)))


def believes(keys: PinnedKeys, *signers: SigningKey) -> list[bool]:
    def right(signer: SigningKey) -> bool:
        key = keys.find("jt-001", signer.public.id)
        return key is not None and key.verifies(signer.sign(b"word"), b"word")

    return [right(signer) for signer in signers]


def test_a_key_that_an_order_names_is_believed_beside_the_old_one_and_after_a_restart(started):
    keys = started()
    assert believes(keys, OLD, NEW) == [True, False]
    rotate(keys, NEW)
    assert believes(keys, OLD, NEW) == [True, True]
    assert believes(started(), OLD, NEW, NEWER) == [True, True, False]


def test_the_old_key_is_believed_until_the_new_one_was_in_use_for_a_day(started, clock):
    keys = started()
    rotate(keys, NEW)
    clock.now += 10 * GRACE_S
    keys.retire()
    assert believes(keys, OLD) == [True], "headquarters has not heard yet that we pinned the new one"
    assert believes(keys, NEW) == [True]
    clock.now += GRACE_S - 1
    keys.retire()
    assert believes(keys, OLD) == [True]
    clock.now += 1
    keys.retire()
    assert believes(keys, OLD, NEW) == [False, True]
    assert believes(started(), OLD, NEW) == [False, True], "its file is still named in the settings"


def test_a_forged_use_of_the_new_key_does_not_end_the_old_one(started, clock):
    keys = started()
    rotate(keys, NEW)
    found = keys.find("jt-001", NEW.public.id)
    assert found is not None
    assert not found.verifies(OLD.sign(b"word"), b"word")
    clock.now += GRACE_S
    keys.retire()
    assert believes(keys, OLD) == [True]


def test_two_rotations_while_a_station_was_away_leave_all_three_believed_until_the_last_is_in_use(started, clock):
    keys = started()
    rotate(keys, NEW)
    rotate(keys, NEWER)
    assert believes(keys, OLD, NEW) == [True, True]
    clock.now += 2 * GRACE_S
    keys.retire()
    assert believes(keys, OLD, NEW, NEWER) == [True, True, True]
    clock.now += GRACE_S
    keys.retire()
    assert believes(keys, OLD, NEW, NEWER) == [False, False, True]


def test_a_key_that_comes_back_into_use_has_its_grace_again(started, clock):
    keys = started()
    rotate(keys, NEW)
    assert believes(keys, NEW) == [True]
    clock.now += GRACE_S
    keys.retire()
    rotate(keys, OLD)
    rotate(keys, NEWER)
    assert believes(keys, OLD, NEW, NEWER) == [True, True, True]


def test_the_same_order_again_changes_nothing(started, tmp_path):
    keys = started()
    rotate(keys, NEW)
    before = (tmp_path / "headquarters.json").read_bytes()
    rotate(keys, NEW)
    assert (tmp_path / "headquarters.json").read_bytes() == before


def test_another_sealing_key_is_used_from_the_next_wrapping_on_and_after_a_restart(started):
    keys, told = started(), []
    keys.on_sealing = told.append
    rotate(keys, OTHER_SEALING)
    assert [key.id for key in told] == [OTHER_SEALING.public.id]
    assert started().sealing.id == OTHER_SEALING.public.id


@pytest.mark.parametrize("use", ["order", "sealing"])
@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "A" * 44])
def test_what_is_no_key_is_refused_and_changes_nothing(started, use, key, tmp_path):
    keys = started()
    with pytest.raises(ValueError):
        keys.rotate(None, "", KeyRotated(use=use, key=key))
    assert not (tmp_path / "headquarters.json").exists()
    assert keys.sealing.id == SEALING.public.id


def test_a_damaged_file_leaves_the_keys_of_the_settings(started, tmp_path, caplog):
    (tmp_path / "headquarters.json").write_text('{"order":["AAAA"]}')
    assert believes(started(), OLD, NEW) == [True, False]
    assert "only the keys of the settings" in caplog.text
