"""Imported before all else, keeps out of a kiosk's memory what libraries import and never use there: 2.2 MiB of 48.

paho-mqtt reads proxies from the environment through `urllib.request`, and only where PySocks is installed, which it is
not on a kiosk; `http.client` and `email` come with it. Who imports it finds an empty module instead. Where time zones
are, `zoneinfo` asks the settings that Python was built with, unless PYTHONTZPATH says it (zoneinfo, "Configuring the
data sources"): here is where Debian has them.
"""

import os
import sys
import types
import urllib

_ZONES = "/usr/share/zoneinfo"
_NOTHING = types.ModuleType("urllib.request", "Nothing: a station reads no URL.")

os.environ.setdefault("PYTHONTZPATH", _ZONES)
urllib.request = sys.modules.setdefault(_NOTHING.__name__, _NOTHING)  # type: ignore[attr-defined]
