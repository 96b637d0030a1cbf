"""Renews the station's certificate and key at headquarters, and finds the way back after any absence.

`docs/enrolment.md`: at two thirds of the certificate's life, by the key alone. When the link does not come up, or
nothing is answered, headquarters is asked what it knows of us: an expired certificate, a clock in 1970, a key that
another kiosk replaced all look alike from here.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from agent.headquarters import AwayError, DeniedError, Headquarters
from agent.key_folder import KeyFolder, KeyFolders
from agent.time_floor import StationClock
from agent.view import Need
from sync.enrolment import MalformedError, ask, read_answer
from sync.signing import SigningKey

if TYPE_CHECKING:
    from cryptography import x509

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0
DOWN_S: Final = 60.0
"""How long the link may be down before headquarters is asked."""
NEVER_UP_S: Final = 10.0
"""The same while the link has not been up since the start: whoever comes back after weeks should not wait."""
UNANSWERED_S: Final = 300.0
"""How long births and events may stay unanswered, with the link up, before headquarters is asked."""
ASK_EVERY_S: Final = 300.0
"""How often it is asked while nothing changes."""
_FIRST_S: Final = 5.0
_LONGEST_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """How the link stands: `answered_at` is when the last acceptable ack came (monotonic seconds)."""

    up: bool
    unanswered: bool
    key_refused: bool
    answered_at: float


class Renewal:
    """Keep `run()` alive. `on_renewed(key)` is called once new keys and certificate are in use on the disk."""

    def __init__(
        self,
        *,
        station: str,
        at: str,
        home: Path,
        clock: StationClock,
        link: Callable[[], LinkFacts],
        on_renewed: Callable[[SigningKey], None],
        changed: Callable[[], None],
        monotonic: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.waits_for: Need | None = None
        """What the station lacks and cannot get at the moment."""
        self._station = station
        self._at = at
        self._folders = KeyFolders(home)
        self._certificate: x509.Certificate | None = None
        self._clock = clock
        self._link = link
        self._on_renewed = on_renewed
        self._changed = changed
        self._monotonic = monotonic
        self._rng = rng
        self._well_at = monotonic()
        self._was_up = False
        self._next_ask = self._next_try = float("-inf")
        self._failures = 0
        self._told: str | None = None

    async def run(self) -> None:
        """Look after the certificate for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Do what is due now. Raises OSError when the keys' folder cannot be read or written."""
        if self._certificate is None:
            self._take_certificate()
        now = self._monotonic()
        due, trouble = self.certificate_due, self._in_trouble(now)
        if not due and not trouble:
            self._need(None)
        if now < self._next_try:
            return
        try:
            if due:
                await self._renew()
            elif trouble and now >= self._next_ask:
                self._next_ask = now + ASK_EVERY_S * self._rng.uniform(0.5, 1.0)
                await self._ask()
                if self.certificate_due:  # headquarters has just told the time
                    await self._renew()
        except (AwayError, DeniedError, MalformedError) as error:
            self._failed(error)
        else:
            self._succeeded()

    @property
    def certificate_due(self) -> bool:
        """Whether two thirds of the certificate's life are over, as far as the time is known."""
        found = self._certificate
        if found is None:
            return True  # what cannot be read is replaced
        born, dead = found.not_valid_before_utc, found.not_valid_after_utc
        return self._clock.believed_ms() >= (born + (dead - born) * 2 / 3).timestamp() * 1000

    @property
    def certificate_s(self) -> int | None:
        """How long the certificate is still good, in seconds, as far as the time is known; None before it was read."""
        if self._certificate is None:
            return None
        return int(self._certificate.not_valid_after_utc.timestamp() - self._clock.believed_ms() / 1000)

    def _take_certificate(self) -> None:
        try:
            self._certificate = self._current.certificate
        except ValueError:
            return
        self._clock.never_below(int(self._certificate.not_valid_before_utc.timestamp() * 1000))

    @property
    def _current(self) -> KeyFolder:
        folder = self._folders.current
        if folder is None:
            raise FileNotFoundError(2, "it is no link that `jingting station enroll` has made; enrol again", "keys")
        return folder

    def _in_trouble(self, now: float) -> bool:
        facts = self._link()
        if facts.key_refused:
            return True
        self._well_at = max(self._well_at, facts.answered_at)
        self._was_up = self._was_up or facts.up
        if facts.up and not facts.unanswered:
            self._well_at = now
        patience = UNANSWERED_S if facts.up else DOWN_S if self._was_up else NEVER_UP_S
        return now - self._well_at >= patience

    async def _ask(self) -> None:
        """Ask headquarters what it knows of us, and do what that asks for."""
        standing = await self._standing(self._current.signing_key)
        if standing in {"current", "previous"}:
            self._need("certificate" if self.certificate_due else None)
            return
        if standing == "unknown" and await self._register_again():
            return
        self._need("enrolment")
        self._tell(f"headquarters does not know this station ({standing}); make it a new code: jingting hq invite")

    async def _register_again(self) -> bool:
        """Have the key in use registered by the one before it: headquarters was restored from an older copy."""
        previous = self._folders.previous
        if previous is None or await self._standing(previous.signing_key) not in {"current", "previous"}:
            return False
        await self._replace(old=previous.signing_key, keep_key=True)
        return True

    async def _standing(self, key: SigningKey) -> str:
        answer = await self._asked("standing", key=key)
        self._clock.heard(str(answer.get("time")))
        return str(answer.get("key"))

    async def _renew(self) -> None:
        """Get new keys certified and use them. A kill at any point leaves either the old or the new folder in use."""
        self._need("certificate" if not self._link().up else self.waits_for)
        try:
            await self._replace(old=self._current.signing_key)
        except DeniedError as denied:
            if denied.error not in {"unknown-key", "revoked"}:
                raise
            await self._ask()

    async def _replace(self, *, old: SigningKey, keep_key: bool = False) -> None:
        """Make the next folder complete, with a signing key of its own or (`keep_key`) the one in use, and use it."""
        coming, current = self._folders.next, self._current
        await asyncio.to_thread(coming.make_keys)
        if keep_key:
            await asyncio.to_thread(coming.take_signing_key, current)
        body = await self._asked("renew", key=coming.signing_key, csr=coming.request(self._station), old=old)
        answer = read_answer(body, station=self._station)
        if answer.authority.strip() != _text(current.path / "ca.pem").strip():
            raise MalformedError("headquarters has another authority now; this station has to be enrolled again")
        self._clock.heard(answer.time)
        try:
            await asyncio.to_thread(coming.complete, answer, current)
        except ValueError as error:
            raise MalformedError(str(error)) from None
        used = await asyncio.to_thread(self._folders.swap)
        self._take_certificate()
        log.info("The station has a new certificate.")
        self._need(None)
        self._on_renewed(used.signing_key)

    async def _asked(
        self, purpose: Literal["renew", "standing"], *, key: SigningKey, csr: bytes = b"", old: SigningKey | None = None
    ) -> dict[str, Any]:
        authority = _text(self._current.path / "ca.pem")
        headquarters = Headquarters(self._at, authority, check_dates=self._clock.trusted)
        given = await headquarters.asked("/1/nonce", {"v": 1, "station": self._station})
        nonce = given.get("nonce")
        if not isinstance(nonce, str):
            raise MalformedError("headquarters gave no nonce")
        request = ask(purpose, self._station, nonce, key=key, csr=csr, old=old)
        return await headquarters.asked(f"/1/{purpose}", request)

    def _need(self, need: Need | None) -> None:
        if self.waits_for != need:
            self.waits_for = need
            self._changed()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        full = min(_LONGEST_S, _FIRST_S * 2.0 ** min(self._failures - 1, 16))
        wait_s = max(error.wait_s if isinstance(error, DeniedError) else 0, self._rng.uniform(0, full))
        self._next_try = self._monotonic() + wait_s
        self._tell(str(error))

    def _succeeded(self) -> None:
        self._failures, self._next_try = 0, float("-inf")
        if self.waits_for is None and self._told is not None:
            log.info("Headquarters knows this station, and its certificate is good.")
            self._told = None

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("The certificate: %s.", text.removesuffix("."))
        self._told = text


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
