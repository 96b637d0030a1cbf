"""The units of config/systemd/: what they promise, and that what looks at them in `make check` would see a mistake."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "config/systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_unit_keeps_its_memory_to_itself_and_reaches_only_what_it_needs(unit):
    lines = unit.read_text(encoding="utf-8").splitlines()
    for needed in ("LimitCORE=0", "MemorySwapMax=0", "ProcSubset=all", "NoNewPrivileges=yes", "DevicePolicy=closed"):
        assert needed in lines
    # Where systemd is given a folder it sets its mode at each start: without a word of ours, to one that all may enter.
    assert ("StateDirectory=jingting" in lines) == ("StateDirectoryMode=0700" in lines)
    allowed = {line.split("=")[1] for line in lines if line.startswith("DeviceAllow=")}
    serial = {f"char-tty{kind} rw" for kind in ("USB", "ACM", "AMA")}
    # A class of devices that the kernel does not know yet when the unit starts is refused for as long as it runs.
    drivers = " ".join(f"modprobe@{driver}.service" for driver in ("usbserial", "cdc_acm"))
    for waits in ("Wants", "After"):
        assert (f"{waits}={drivers}" in lines) == (unit.name == "jingting-station.service")
    assert allowed == (serial | {"char-gpiochip rw"} if unit.name == "jingting-station.service" else set())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize(
    ("old", "new"), [("UMask=", "UMaskk="), ("SystemCallFilter=@system-service\n", ""), ("NoNewPrivileges=yes\n", "")]
)
def test_a_unit_with_a_mistake_or_too_much_freedom_is_told(tmp_path, old, new):
    shutil.copytree(ROOT / "config/systemd", tmp_path / "config/systemd")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/check-units", tmp_path / "scripts")
    check = (tmp_path / "scripts/check-units",)
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    unit = tmp_path / "config/systemd/jingting-station.service"
    text = unit.read_text(encoding="utf-8").replace(old, new)
    if not new:  # one freedom alone may still be within the limit
        text = text.replace("CapabilityBoundingSet=\n", "").replace("ProtectSystem=strict\n", "")
    unit.write_text(text, encoding="utf-8")
    said = subprocess.run(check, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert said.stdout.startswith("config/systemd/jingting-station.service: ")
