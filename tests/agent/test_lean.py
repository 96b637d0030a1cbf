"""What a station's process does not import: it would be in a kiosk's memory for weeks."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOK = """
import json, sys
import agent.__main__
from zoneinfo import ZoneInfo
ours = {room: sum(name.startswith(room + ".") for name in sys.modules) for room in ("hq", "jingting", "click", "babel")}
there = [name for name in ("email", "http.client", "difflib", "unittest", "sqlite_utils") if name in sys.modules]
there += [name for name in sys.modules if name.startswith("_sysconfigdata")]
print(json.dumps([ours, there, ZoneInfo("Asia/Shanghai").key, hasattr(sys.modules["urllib.request"], "urlopen")]))
"""


def test_a_station_imports_no_mail_no_http_client_and_nothing_of_headquarters_and_still_knows_its_zone():
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOOK], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == [{"hq": 0, "jingting": 0, "click": 0, "babel": 0}, [], "Asia/Shanghai", False]
