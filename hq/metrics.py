"""What Prometheus may read of headquarters; labels are the station and small enums, never anything personal."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hq.presence import Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """One station as it is measured. `gaps`: numbers missing below the highest held one of its current journal.

    `health` is what its latest sample said: what it did not say is not in it.
    """

    station: str
    presence: Presence
    seen_s: int | None
    gaps: int
    open_calls: int
    health: Mapping[str, Any]
    self_test_age_s: int | None


HEALTH: Final = {
    "unsent": ("station_unsent_records", "Events not yet acknowledged, as the station says"),
    "oldest_unsent_s": ("station_oldest_unsent_seconds", "Age of the oldest of them, as the station says"),
    "journal_ok": ("station_journal_ok", "1 while the station can write its journal"),
    "journal_full": ("station_journal_full", "1 while the station's journal takes nothing but calls for help"),
    "journal_bytes": ("station_journal_bytes", "What the files of the station's journal take"),
    "journal_refused": ("station_journal_refused", "Events the station's full journal has refused since it started"),
    "disk_free_bytes": ("station_disk_free_bytes", "What may still be written on the disk of the station's data"),
    "disk_free_inodes": ("station_disk_free_inodes", "Files that may still be made there"),
    "disk_read_only": ("station_disk_read_only", "1 while that disk can only be read"),
    "clock_trusted": ("station_clock_trusted", "1 while the station's clock is synchronised"),
    "certificate_s": (
        "station_certificate_expiry_seconds",
        "Until its certificate ends, as the station says",
    ),
    "takeover": ("station_takeover_suspected", "1 while somebody else seems to use the station's name"),
    "refused": ("station_refused_messages", "Messages the station has refused since it started"),
    "device_noise_bytes": (
        "station_device_noise_bytes",
        "Bytes on its devices' lines that were nothing, since it started",
    ),
    "panel_frames_bad": ("station_panel_frames_bad", "What was no frame on its panels' lines since it started"),
}
"""Gauges that show a figure of a station's health sample, by the sample's key."""


class Metrics:
    """The counters and gauges of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._exposing = threading.Lock()
        self._refused = Counter("jt_refused", "Messages refused", ["reason"], registry=self.registry)
        self._unprojected = Counter(
            "jt_unprojected", "Events stored whose type or payload is not understood", ["type"], registry=self.registry
        )
        self._stored = Counter("jt_events_stored", "Events stored", ["lane"], registry=self.registry)
        self._sign_ins = Counter("jt_sign_ins", "Attempts to sign in", ["outcome"], registry=self.registry)
        self._acks = Counter("jt_acks", "Acks sent", registry=self.registry)
        self._forgotten = Counter(
            "jt_forgotten", "What headquarters has forgotten by age since it started", ["what"], registry=self.registry
        )
        self._enrolments = Counter(
            "jt_enrolments",
            "Requests of kiosks that enrol or renew, by what came of them",
            ["request", "outcome"],
            registry=self.registry,
        )
        self._acknowledgement = Histogram(
            "station_help_acknowledgement_seconds",
            "From the press to somebody at the duty desk",
            ["station"],
            buckets=(5, 10, 15, 20, 30, 60),
            registry=self.registry,
        )
        self._certificates = Gauge(
            "jt_certificate_expiry_seconds",
            "Until a certificate that headquarters lives by ends",
            ["certificate"],
            registry=self.registry,
        )
        self._up = self._gauge("station_up", "1 while the station is online")
        self._seen = self._gauge("station_last_seen_seconds", "Since the last signed message of the current session")
        self._gaps = self._gauge("station_sequence_gaps", "Numbers missing below the highest held")
        self._calls = self._gauge("station_open_help_calls", "Help calls that are not closed")
        self._self_test = self._gauge("station_self_test_age_seconds", "Since the last self-test its panels passed")
        self._devices = Gauge(
            "station_device_up",
            "1 while all devices of a kind are ready",
            ["station", "kind"],
            registry=self.registry,
        )
        self._health = {key: self._gauge(*gauge) for key, gauge in HEALTH.items()}

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, ["station"], registry=self.registry)

    def refused(self, reason: str) -> None:
        """Count a refused message; `reason` is one of the link's reasons."""
        self._refused.labels(reason).inc()

    def unprojected(self, event_type: str, count: int) -> None:
        """Count events that were stored but not understood; `event_type` is a known type, or `unknown`."""
        self._unprojected.labels(event_type).inc(count)

    def stored(self, lane: str, count: int) -> None:
        """Count events that were committed and had not been held before."""
        self._stored.labels(lane).inc(count)

    def signed_in(self, outcome: str) -> None:
        """Count an attempt to sign in at the pages: `right`, `wrong`, or `slowed`."""
        self._sign_ins.labels(outcome).inc()

    def acked(self) -> None:
        """Count one ack sent."""
        self._acks.inc()

    def forgot(self, what: str, count: int) -> None:
        """Count what was forgotten by age, by its kind."""
        self._forgotten.labels(what).inc(count)

    def enrolment(self, request: str, outcome: str) -> None:
        """Count a kiosk's request; `outcome` is `granted`, or the contract's word for why not."""
        self._enrolments.labels(request, outcome).inc()

    def help_acknowledged(self, station: str, seconds: float) -> None:
        """Note how long a help call waited for somebody at the desk."""
        self._acknowledgement.labels(station).observe(seconds)

    def expose(self, facts: Iterable[StationFacts], certificates: Mapping[Any, int] = MappingProxyType({})) -> bytes:
        """Return the exposition in Prometheus' text format, the stations' gauges being `facts`.

        `certificates`: for how many seconds each of headquarters' own is good.
        """
        with self._exposing:  # two scrapes at once must not see each other's cleared gauges
            self._set(facts)
            self._certificates.clear()
            for whose, seconds in certificates.items():
                self._certificates.labels(whose).set(seconds)
            return generate_latest(self.registry)

    def _set(self, facts: Iterable[StationFacts]) -> None:
        others = (self._up, self._seen, self._gaps, self._calls, self._self_test, self._devices)
        for gauge in (*others, *self._health.values()):
            gauge.clear()
        for fact in facts:
            self._up.labels(fact.station).set(fact.presence == "online")
            self._gaps.labels(fact.station).set(fact.gaps)
            self._calls.labels(fact.station).set(fact.open_calls)
            if fact.seen_s is not None:
                self._seen.labels(fact.station).set(fact.seen_s)
            if fact.self_test_age_s is not None:
                self._self_test.labels(fact.station).set(fact.self_test_age_s)
            for kind, up in fact.health.get("devices", {}).items():
                self._devices.labels(fact.station, kind).set(up)
            for key, gauge in self._health.items():
                if key in fact.health:
                    gauge.labels(fact.station).set(fact.health[key])
