"""Accounts and sessions in headquarters' database, on both kinds of it."""

import json

import pytest
from store_rig import NOW, FakeClock, rows

from hq import audit, copies, passwords, tables
from hq.accounts import AccountExistsError, Accounts, NoSuchAccountError
from hq.restore import restore
from hq.roles import WATCH_MS

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(store, monkeypatch):
    """Accounts with Argon2id at its least, where the cost itself is not looked at."""
    for name, least in (("_MEMORY_KIB", 32), ("_PASSES", 1)):
        monkeypatch.setattr(passwords, name, least)
    made = Accounts(store.database, lambda: made.now)
    made.now = NOW
    made.add("wang", "monitor", PASSWORD, by="root")
    return made


def noted(store):
    with store.database.read() as connection:
        lines = [json.loads(one.line) for one in audit.read(connection)]
    return [(line["who"], line["event"], line["reason"]) for line in lines]


def test_a_password_is_kept_by_argon2id_with_a_salt_of_its_own_and_the_parameters_of_rfc_9106():
    first, second = passwords.kept(PASSWORD), passwords.kept(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(PASSWORD, first)
    assert not passwords.matches(PASSWORD + "x", first)
    assert not passwords.matches(PASSWORD, passwords.NOBODYS)


def test_one_password_typed_on_two_keyboards_is_one_password(monkeypatch):
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 32)
    assert passwords.matches("ｃａｆé １２３ ４５６ ７８９", passwords.kept("café 123 456 789"))


@pytest.mark.parametrize("password", ["", "x" * 14, "x" * 129, " "])
def test_a_password_too_short_or_too_long_is_not_taken(accounts, password):
    with pytest.raises(ValueError, match="15 to 128"):
        accounts.add("li", "monitor", password, by="root")
    with pytest.raises(ValueError, match="15 to 128"):
        accounts.set_password("wang", password, by="root")
    assert accounts.verify("wang", PASSWORD)


@pytest.mark.parametrize("name", ["", "Wang", "-w", "w" * 33, "王", "a b", "headquarters", "<script>"])
def test_a_name_that_could_be_mistaken_for_another_is_not_taken(accounts, name):
    with pytest.raises(ValueError, match="account's name"):
        accounts.add(name, "monitor", PASSWORD, by="root")


def test_a_name_is_given_once_and_what_is_not_there_cannot_be_changed(accounts):
    with pytest.raises(AccountExistsError):
        accounts.add("wang", "auditor", PASSWORD, by="root")
    for change in (
        lambda: accounts.set_role("li", "auditor", by="root"),
        lambda: accounts.set_password("li", PASSWORD, by="root"),
        lambda: accounts.disable("li", by="root"),
        lambda: accounts.enable("li", by="root"),
        lambda: accounts.begin("li", wall=False),
    ):
        with pytest.raises(NoSuchAccountError):
            change()


def test_every_change_of_an_account_is_in_the_audit(accounts, store):
    accounts.set_role("wang", "auditor", by="li at the pages")
    accounts.disable("wang", by="root")
    accounts.enable("wang", by="root")
    accounts.set_password("wang", "another good one", by="root")
    assert noted(store) == [
        ("root", "wang", "added as monitor"),
        ("li at the pages", "wang", "made auditor"),
        ("root", "wang", "disabled"),
        ("root", "wang", "enabled"),
        ("root", "wang", "given another password"),
    ]


@pytest.mark.parametrize("change", ["password", "disable"])
def test_another_password_and_a_disabled_account_end_every_session_a_walls_too(accounts, change):
    held = [accounts.begin("wang", wall=wall) for wall in (False, True)]
    assert all(accounts.session(one) for one in held)
    if change == "disable":
        accounts.disable("wang", by="root")
        assert not accounts.verify("wang", PASSWORD)
    else:
        accounts.set_password("wang", "another good one", by="root")
        assert accounts.verify("wang", "another good one")
    assert not any(accounts.session(one) for one in held)


def test_a_role_counts_at_once_in_open_sessions(accounts):
    held = accounts.begin("wang", wall=False)
    accounts.set_role("wang", "auditor", by="root")
    assert accounts.session(held).role == "auditor"


def test_sessions_of_one_account_are_bounded_and_dead_ones_are_cleared(accounts, store):
    first = accounts.begin("wang", wall=False)
    for _ in range(25):
        accounts.now += 1
        accounts.begin("wang", wall=False)
    assert accounts.session(first) is None
    assert len(rows(store, tables.staff_sessions)) == 20
    accounts.now += WATCH_MS
    accounts.begin("wang", wall=False)
    assert len(rows(store, tables.staff_sessions)) == 1
    [account] = accounts.all()
    assert (account.name, account.sessions, account.seen_ms) == ("wang", 1, accounts.now)


def test_after_a_restore_everybody_signs_in_again(accounts, store, tmp_path):
    held = accounts.begin("wang", wall=True)
    copies.write_copy(store.database, tmp_path / "copy")
    restore(store, tmp_path / "copy", FakeClock(), who="root", force=False)
    assert accounts.session(held) is None
    assert accounts.verify("wang", PASSWORD)
