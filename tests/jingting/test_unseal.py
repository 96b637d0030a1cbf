"""`jingting keys new-sealing`, `jingting hq unseal` and `jingting hq audit`, as a person at headquarters runs them."""

import contextlib
import getpass
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from common import keyfiles
from common.events import encode_event
from common.events.records import KeyIssued
from hq import audit
from hq.settings import load
from hq.store import Store
from jingting import layout
from sync import base64url
from sync.batch import Batch, chain_lines, chain_start
from sync.receiver import check_line
from sync.sealing import SUITE, SealingPublicKey, ShiftKey

ROOT = Path(__file__).parents[2]
STATION, EVENT = "jt-001", "018f3b2a-001f-7000-8000-0123456789ab"
AMENDED, NUMBER = "018f3b2a-001f-7000-8000-0123456789ac", "JT001-20260301-0007"
FIELDS = {"name": "慕容复兴", "number": "110101199003077571"}
MORE = {"phone": "13900001234", "number": ""}


def jingting(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "SUDO_USER"}
    return subprocess.run(
        [sys.executable, "-m", "jingting", *map(str, arguments)],
        cwd=ROOT,
        env=kept | {"PYTHONUTF8": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def headquarters(tmp_path_factory):
    """Return the folder of a headquarters with a sealing key, which holds one sealed event."""
    folder = tmp_path_factory.mktemp("city")
    layout.write(folder, broker_port=1, hq_broker_port=2, hq_port=0, station_ports={STATION: 0})
    (folder / "hq/keys").mkdir(exist_ok=True)
    private = folder / "hq/sealing.key"
    for half in (private, Path(f"{private}.pub")):
        half.unlink()
    made = jingting("keys", "new-sealing", private)
    assert (made.returncode, made.stdout) == (0, f"{private}\n{private}.pub\n")
    hold_one_event(folder, SealingPublicKey(keyfiles.read_sealing_public(Path(f"{private}.pub"))))
    return folder / "hq"


def hold_one_event(folder: Path, sealing_key: SealingPublicKey) -> None:
    kid, journal = str(uuid.uuid4()), str(uuid.uuid4())
    key = ShiftKey.new(kid)
    kem = base64url.encode(key.wrap(sealing_key, STATION))
    issued = KeyIssued(kid=kid, suite=SUITE, to=base64url.encode(sealing_key.id), kem=kem)
    common = {"source": f"/stations/{STATION}", "time": "2026-03-01T08:00:00.000Z"}
    first = encode_event(issued, event_id=str(uuid.uuid4()), boot=str(uuid.uuid4()), mono=1, unsure=False, **common)
    said = {"service": "HZ-01", "catalogue": "1", "channel": "window", "state": "draft", "on_file": ["name", "number"]}
    data = {"record": EVENT, "number": NUMBER, "sealed": key.seal(EVENT, FIELDS)} | said
    second = json.dumps({"specversion": "1.0", "id": EVENT, "type": "record.opened", "data": data, **common})
    data = {"record": EVENT, "change": 2, "sealed": key.seal(AMENDED, MORE)}
    third = json.dumps({"specversion": "1.0", "id": AMENDED, "type": "record.amended", "data": data, **common})
    lines = chain_lines(chain_start(journal), 1, [first, second.encode(), third.encode()])
    store = Store.open(f"sqlite:///{database(folder / 'hq')}")
    store.take(
        Batch(
            station=STATION,
            signer=bytes(16),
            journal=journal,
            first=1,
            oldest=1,
            prev=chain_start(journal),
            lines=lines,
            events=tuple(check_line(line.line) for line in lines),
        ),
        received_ms=time.time_ns() // 1_000_000,
    )
    store.close()


def without(key: Path, ask: Callable[[], subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """Ask while the key is away."""
    away = key.rename(key.with_name("away"))
    try:
        return ask()
    finally:
        away.rename(key)


def pub(headquarters: Path) -> Path:
    return headquarters / "sealing.key.pub"


def config(headquarters: Path) -> Path:
    return headquarters / "hq.toml"


def database(headquarters: Path) -> Path:
    path = Path(load(config(headquarters)).store.url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def unseal(headquarters: Path, *, event: str = EVENT, reason: str = "case 7", **environment: str):
    options = ["--station", STATION, "--event", event, "--reason", reason, "--config", config(headquarters)]
    return jingting("hq", "unseal", *options, **environment)


def unseal_record(headquarters: Path, number: str, *more: str, reason: str = "case 7"):
    return jingting("hq", "unseal", "--record", number, *more, "--reason", reason, "--config", config(headquarters))


def entries(headquarters: Path) -> list[dict]:
    shown = jingting("hq", "audit", "--config", config(headquarters))
    assert shown.returncode == 0
    return [json.loads(line) for line in shown.stdout.splitlines()]


def test_a_sealed_event_is_printed_and_the_audit_names_who_asked_and_why(headquarters):
    result = unseal(headquarters, reason="案件 7")
    assert (result.returncode, json.loads(result.stdout)) == (0, FIELDS)
    assert "Noted in the audit as number" in result.stderr
    assert not any(field in result.stderr for field in FIELDS.values())
    last = entries(headquarters)[-1]
    assert last.pop("time").endswith("Z")
    me = getpass.getuser()
    assert last == {"who": me, "what": "unseal", "station": STATION, "event": EVENT, "reason": "案件 7"}
    unseal(headquarters, SUDO_USER="li")
    assert entries(headquarters)[-1]["who"] == f"li as {me}"


def test_a_record_is_printed_as_it_stands_and_each_of_its_events_is_in_the_audit(headquarters):
    result = unseal_record(headquarters, NUMBER.lower(), reason="case 8")
    assert (result.returncode, json.loads(result.stdout)) == (0, {"name": FIELDS["name"], "phone": "13900001234"})
    assert not any(field in result.stderr for field in (*FIELDS.values(), "13900001234"))
    opened, amended = entries(headquarters)[-2:]
    assert [(one["station"], one["event"], one["reason"]) for one in (opened, amended)] == [
        (STATION, EVENT, "case 8"),
        (STATION, AMENDED, "case 8"),
    ]


def test_a_number_that_is_not_there_exits_1_and_is_audited(headquarters):
    for options in (["--record", "JT009-20260301-0001"], ["--record", NUMBER, "--station", "jt-009"]):
        result = unseal_record(headquarters, *options[1:])
        assert (result.returncode, result.stdout) == (1, "")
        assert "look at the number again" in result.stderr
        assert entries(headquarters)[-1]["event"] == options[1]


def test_it_is_either_an_event_of_a_station_or_a_record(headquarters):
    for options in ([], ["--event", EVENT], ["--event", EVENT, "--record", NUMBER, "--station", STATION]):
        result = jingting("hq", "unseal", *options, "--reason", "case 7", "--config", config(headquarters))
        assert result.returncode == 2


def test_an_event_that_is_not_there_exits_1_and_is_audited(headquarters):
    before = len(entries(headquarters))
    result = unseal(headquarters, event=str(uuid.uuid4()))
    assert (result.returncode, result.stdout) == (1, "")
    assert "look at both ids" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(entries(headquarters)) == before + 1


def test_nothing_is_asked_without_a_reason(headquarters):
    before = len(entries(headquarters))
    assert unseal(headquarters, reason=" ").returncode == 1
    result = jingting("hq", "unseal", "--station", STATION, "--event", EVENT, "--config", config(headquarters))
    assert result.returncode == 2
    assert len(entries(headquarters)) == before


def test_without_the_private_key_it_says_which_file_is_missing_and_exits_78(headquarters):
    key = headquarters / "sealing.key"
    result = without(key, lambda: unseal(headquarters))
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr == f"keys.sealing: {key}: no such file or directory\n"
    key.chmod(0o644)
    assert "mode 0644" in unseal(headquarters).stderr
    key.chmod(0o600)


def test_a_copy_restored_elsewhere_is_read_with_the_keys_and_by_nobody_without_them(headquarters, tmp_path):
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere/hq"
    assert jingting("hq", "backup", copy, "--config", config(headquarters)).returncode == 0
    layout.write(elsewhere.parent, broker_port=1, hq_broker_port=2, hq_port=0, station_ports={})
    done = jingting("hq", "restore", copy, "--config", config(elsewhere))
    assert done.returncode == 0, done.stderr
    assert ": 1 stations, 3 events; " in done.stdout

    own = elsewhere / "sealing.key"  # made anew there, with all else that a headquarters begins with
    key_id = SealingPublicKey(keyfiles.read_sealing_public(pub(headquarters))).id.hex()
    for refused, code, says in (
        (unseal(elsewhere), 1, f"beside keys.sealing, as …-{key_id}.key"),
        (unseal_record(elsewhere, NUMBER), 1, f"beside keys.sealing, as …-{key_id}.key"),
        (without(own, lambda: unseal(elsewhere)), 78, "no such file or directory"),
    ):
        assert (refused.returncode, refused.stdout) == (code, "")
        assert says in refused.stderr
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for field in (*FIELDS.values(), MORE["phone"]):
        assert field.encode() not in written
        assert json.dumps(field).encode() not in written

    told = own.with_name(f"sealing-{key_id}.key")
    shutil.copy(headquarters / "sealing.key", told)  # beside its own, as it was told
    assert json.loads(unseal(elsewhere).stdout) == FIELDS
    told.unlink()
    for half in (headquarters / "sealing.key", pub(headquarters)):  # or in its place
        shutil.copy(half, elsewhere)
    result = unseal_record(elsewhere, NUMBER)
    assert (result.returncode, json.loads(result.stdout)) == (0, {"name": FIELDS["name"], "phone": MORE["phone"]})
    assert entries(elsewhere)[-1]["event"] == AMENDED  # whose chain goes on from the copy's


def test_a_sealing_key_is_its_owners_only_and_never_overwritten(headquarters):
    key = headquarters / "sealing.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = jingting("keys", "new-sealing", key)
    assert again.returncode == 1
    assert "file exists" in again.stderr


def test_an_audit_that_was_touched_is_told_with_exit_1(headquarters):
    unseal(headquarters)
    connection = sqlite3.connect(database(headquarters))
    line = connection.execute("SELECT line FROM audit WHERE number = 1").fetchone()[0]
    with connection:
        connection.execute("UPDATE audit SET line = ? WHERE number = 1", (line.replace(b"unseal", b"looked"),))
    try:
        shown = jingting("hq", "audit", "--config", config(headquarters))
        assert shown.returncode == 1
        assert "Number 1 does not follow" in shown.stderr
    finally:
        with connection:
            connection.execute("UPDATE audit SET line = ? WHERE number = 1", (line,))
        connection.close()


def test_an_audit_that_has_forgotten_says_from_where_on_it_proves_and_whether_somebody_moved_that(
    headquarters, tmp_path
):
    unseal(headquarters)
    shutil.copytree(headquarters, tmp_path / "hq")
    held = len(entries(tmp_path / "hq"))
    now_ms = time.time_ns() // 1_000_000
    store = Store.open(f"sqlite:///{database(tmp_path / 'hq')}")
    with store.database.write() as connection:
        assert audit.forget(connection, before_ms=now_ms, who="by age", at_ms=now_ms) == held
    store.close()
    verify = ("hq", "audit", "verify", "--config", config(tmp_path / "hq"))
    shown = jingting(*verify)
    assert (shown.returncode, shown.stdout) == (0, "")
    assert f"Forgotten by age: everything up to number {held}, chain " in shown.stderr
    [left] = entries(tmp_path / "hq")
    assert (left["what"], left["event"]) == ("forget", str(held))
    with contextlib.closing(sqlite3.connect(database(tmp_path / "hq"))) as connection, connection:
        connection.execute("UPDATE audit SET line = ? WHERE number = 0", (str(held - 1).encode(),))
    shown = jingting(*verify)
    assert shown.returncode == 1
    assert "No line of the chain says so" in shown.stderr
    assert f"Number {held + 1} does not follow" in shown.stderr
