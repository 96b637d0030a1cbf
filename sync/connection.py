"""One MQTT connection, from CONNECT to its end; never reused, so that only a journal ever resends.

A thin asyncio binding over paho-mqtt's socket callbacks: no thread beyond the one that resolves and connects. Always by
TLS, with a certificate at both ends. MQTT 5 (OASIS MQTT 5.0) where the broker speaks it, else 3.1.1; nothing here is
needed for correctness.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sync.broker import Broker
from sync.excess import MAX_PACKET, excess
from sync.mqtt_words import BrokerRefusedError, BrokerUnreachableError, Ending, Incoming, Will

Slot: TypeAlias = Literal["urgent", "log", "ack"]

SLOTS: Final[dict[Slot, int]] = {"urgent": 8, "log": 8, "ack": 256}
"""How many QoS 1 messages of each sort may await their PUBACK. paho's own limit of 20 leaves acks their place."""
KEEPALIVE_S: Final = 20
CONNECT_TIMEOUT_S: Final = 10.0
WILL_DELAY_S: Final = 10
SESSION_EXPIRY_S: Final = 60
_RECEIVE_MAXIMUM: Final = 65_535
"""What a broker takes at once that does not say it (MQTT 5.0, section 3.2.2.3.3)."""
_SEND_BUFFER: Final = 64 * 1024
_TURN_S: Final = 0.02
"""How long a connection reads before everybody else has a turn."""


_NOT_BELIEVED: Final = "perhaps it does not believe our certificate; look whether that has run out or was revoked"


class Connection:
    """One connection. Create, `open()`, `subscribe()`, `publish()`, then wait for `ended`, or `close()`."""

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        on_message: Callable[[Incoming], None],
        on_room: Callable[[], None],
        will: Will | None = None,
        keep_session: bool = True,
        protocol5: bool = True,
        hold_pubacks: bool = False,
        slots: Mapping[Slot, int] = SLOTS,
    ) -> None:
        self._slots = dict(slots)
        self._broker = broker
        self._on_message = on_message
        self._on_room = on_room
        self._keep_session = keep_session
        self._protocol5 = protocol5
        self._loop = asyncio.get_running_loop()
        self._attached = False
        self._slot_of: dict[int, Slot] = {}
        self._in_flight: dict[Slot, int] = dict.fromkeys(SLOTS, 0)
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._subacks: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._pubacks: dict[int, asyncio.Future[None]] = {}
        self._closing = False
        self._alert = ""
        self._ticker: asyncio.Task[None] | None = None
        self._reading_on: asyncio.Handle | None = None
        self.ended: asyncio.Future[Ending] = self._loop.create_future()
        self._client = self._make_client(client_id, will, hold_pubacks=hold_pubacks)

    def _make_client(self, client_id: str, will: Will | None, *, hold_pubacks: bool) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._protocol5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if self._protocol5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=hold_pubacks,
            reconnect_on_failure=False,  # else a refused 3.1.1 is tried again as 3.1, blocking the loop
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if will is not None:
            properties = None
            if self._protocol5:
                properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
                properties.WillDelayInterval = WILL_DELAY_S
            client.will_set(will.topic, will.payload, qos=1, retain=True, properties=properties)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        client.on_socket_open = _tune
        client.on_socket_close = self._socket_closed
        client.on_log = self._logged
        return client

    # -- the life of a connection ----------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect and wait for CONNACK. Raises BrokerUnreachableError or BrokerRefusedError."""
        try:
            await self._connect_socket()
            async with asyncio.timeout(CONNECT_TIMEOUT_S):  # wait_for may lose a cancellation (Python 3.11)
                code = await asyncio.shield(self._connack)
        except TimeoutError:  # an OSError too: it comes first
            self._drop()
            raise BrokerUnreachableError(f"{self._broker.host}:{self._broker.port} does not answer") from None
        except OSError as error:
            self._drop()
            raise BrokerUnreachableError(f"{self._broker.host}:{self._broker.port}: {error}") from error
        except asyncio.CancelledError:
            self._drop()
            raise
        if code.is_failure:
            self._drop()
            raise BrokerRefusedError(str(code), int(code.value))

    @property
    def broker_certificate_ends_s(self) -> int | None:
        """When the certificate that the broker showed ends (Unix seconds); None while there is no connection."""
        sock = self._client.socket()
        shown = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        return ssl.cert_time_to_seconds(str(shown["notAfter"])) if shown else None

    async def _connect_socket(self) -> None:
        # A daemon thread of its own, not the loop's executor: a name server or broker that swallows packets must
        # not hold up a stop, and the executor would be waited for.
        done: asyncio.Future[None] = self._loop.create_future()

        def settle(error: OSError | None) -> None:
            if done.cancelled():
                self._drop()
            elif error is not None:
                done.set_exception(error)
            else:
                done.set_result(None)

        def connect() -> None:
            failure: OSError | None = None
            try:
                self._client.tls_set_context(self._broker.tls())
                self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S, **self._connect_options())
            except OSError as error:
                failure = error
            except ValueError as error:  # a host that no certificate could name
                failure = OSError(str(error))
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(settle, failure)

        threading.Thread(target=connect, name="mqtt-connect", daemon=True).start()
        await done
        sock = self._client.socket()
        if sock is None:
            raise ConnectionResetError(f"it hung up: {self._alert or _NOT_BELIEVED}")
        self._attached = True
        self._loop.add_reader(sock.fileno(), self._readable)
        self._write_rest()
        self._ticker = asyncio.create_task(self._tick(), name="mqtt-keepalive")

    def _connect_options(self) -> dict[str, Any]:
        if not self._protocol5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_PACKET
        if self._keep_session:
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
        return {"clean_start": not self._keep_session, "properties": properties}

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe with QoS 1, retained messages marked as such. Raises BrokerRefusedError."""
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        wanted: list[Any]
        if self._protocol5:
            wanted = [(name, SubscribeOptions(qos=1, retainAsPublished=False)) for name in filters]
        else:
            wanted = [(name, 1) for name in filters]
        result, mid = self._client.subscribe(wanted)
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise BrokerUnreachableError("the connection was lost")
        self._subacks[mid] = answer
        self._write_rest()
        waited: set[asyncio.Future[Any]] = {answer, self.ended}
        await asyncio.wait(waited, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise BrokerUnreachableError("no SUBACK came")
        for name, code in zip(filters, answer.result(), strict=False):
            if code.is_failure:
                raise BrokerRefusedError(f"subscription to {name}: {code}", int(code.value))

    async def close(self, last_word: Will | None = None) -> None:
        """Disconnect cleanly, after `last_word` was taken by the broker (waited for at most a second)."""
        if not self.ended.done():
            self._closing = True
            if last_word is not None:
                info = self._client.publish(last_word.topic, last_word.payload, qos=1, retain=True)
                heard = self._pubacks[info.mid] = self._loop.create_future()
                self._write_rest()
                waited: set[asyncio.Future[Any]] = {heard, self.ended}
                await asyncio.wait(waited, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            self._client.disconnect()
            self._client.loop_write()
        self._drop()

    # -- sending ---------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, slot: Slot, retain: bool = False) -> bool:
        """Publish with QoS 1; False when the connection is gone or `slot` has no room (then `on_room` tells)."""
        if self.ended.done() or self._closing or self._in_flight[slot] >= self._slots[slot]:
            return False
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        self._write_rest()
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            return False
        self._slot_of[info.mid] = slot
        self._in_flight[slot] += 1
        return True

    def hint(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0: what may be lost."""
        if not self.ended.done() and not self._closing:
            self._client.publish(topic, payload, qos=0)
            self._write_rest()

    def puback(self, message: Incoming) -> None:
        """Let the broker send the next message for this one (only with `hold_pubacks`)."""
        # A QoS 0 message has no id, and the broker hangs up on whoever acknowledges one (MQTT 5.0, section 2.2.1).
        if message.mid and not self.ended.done():
            self._client.ack(message.mid, 1)
            self._write_rest()

    # -- the socket ------------------------------------------------------------------------------------------

    # Without callbacks for writing, paho writes at once whatever it is given: no turn of the loop lies between.

    def _write_rest(self) -> None:
        """Have written, when there is room, what the socket would not take now."""
        sock = self._client.socket()
        if self._attached and sock is not None and self._client.want_write():
            self._loop.add_writer(sock.fileno(), self._writable)

    def _writable(self) -> None:
        with self._ending_if_it_fails():
            self._client.loop_write()
            sock = self._client.socket()
            if self._attached and sock is not None and not self._client.want_write():
                self._loop.remove_writer(sock.fileno())

    def _readable(self) -> None:
        with self._ending_if_it_fails():
            self._read_a_while()

    def _read_a_while(self) -> None:
        # What TLS has taken from the socket already makes no socket readable again. Where more and more comes, others
        # have their turn all the same: a press does not wait for a broker that never pauses.
        more, until = True, self._loop.time() + _TURN_S
        while more and self._loop.time() < until:
            self._client.loop_read()
            if words := excess(self._client):
                self._end(Ending(by_broker=True, code=0, reason=words))
                self._drop()
                return
            sock = self._client.socket()
            more = self._attached and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        if more and self._reading_on is None:
            self._reading_on = self._loop.call_soon(self._read_on)
        self._write_rest()

    def _read_on(self) -> None:
        self._reading_on = None
        if self._attached:
            self._readable()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            with self._ending_if_it_fails():
                self._client.loop_misc()
                self._write_rest()

    @contextlib.contextmanager
    def _ending_if_it_fails(self) -> Iterator[None]:
        """Let go of a client that has died: it would stay connected, deaf and without pings."""
        try:
            yield
        except Exception as error:
            if self._attached and (sock := self._client.socket()) is not None:
                self._socket_closed(self._client, None, sock)
            self._end(Ending(by_broker=False, code=0, reason=f"the client failed: {error}"))
            raise

    # -- paho's callbacks, all on the loop but while connecting ------------------------------------------------

    def _connected(
        self, client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._hold_to(client, getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM))
        if not self._connack.done():
            self._connack.set_result(code)

    def _hold_to(self, client: mqtt.Client, most: int) -> None:
        """Never have more unacknowledged than the broker takes (MQTT 5.0, section 4.9), which paho does not look at.

        Acks wait in paho for their turn; events wait in the journal, each lane for a third at most.
        """
        if most < client.max_inflight_messages:
            client._max_inflight_messages = most  # noqa: SLF001 - its setter wants to be asked before it connects
            for slot in ("urgent", "log"):
                self._slots[slot] = min(self._slots[slot], max(1, most // 3))

    def _disconnected(
        self, _client: object, _data: object, flags: mqtt.DisconnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        value = int(code.value) if flags.is_disconnect_packet_from_server else 0
        self._end(Ending(not self._closing, value, self._alert or str(code)))

    def _logged(self, _client: object, _data: object, level: int, text: str) -> None:
        # In TLS 1.3 a broker looks at our certificate when we are through. What it thinks of it paho only logs, and
        # only if it came before the reset that follows.
        if level == LogLevel.MQTT_LOG_ERR and "ALERT" in text:
            self._alert = text.partition("alert ")[2].partition(" (")[0] or text

    def _arrived(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._on_message(Incoming(message.topic, bytes(message.payload), bool(message.retain), message.mid))

    def _published(self, _client: object, _data: object, mid: int, _code: object, _properties: object) -> None:
        waiting = self._pubacks.pop(mid, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        slot = self._slot_of.pop(mid, None)
        if slot is not None:
            self._in_flight[slot] -= 1
            self._on_room()

    def _subscribed(
        self, _client: object, _data: object, mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        waiting = self._subacks.pop(mid, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(codes)

    def _socket_closed(self, _client: object, _data: object, sock: Any) -> None:
        if self._attached:
            self._attached = False
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())

    def _end(self, ending: Ending) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        if not self._connack.done():
            why = self._alert or _NOT_BELIEVED
            self._connack.set_exception(ConnectionResetError(f"it hung up ({ending.reason}): {why}"))
        if not self.ended.done():
            self.ended.set_result(ending)

    def _drop(self) -> None:
        """Let the socket go, whatever state it is in."""
        sock = self._client.socket()
        if sock is not None:
            self._socket_closed(self._client, None, sock)
            sock.close()
        self._end(Ending(by_broker=False, code=0, reason="closed"))
        if self._connack.done() and not self._connack.cancelled():
            self._connack.exception()  # seen: nobody else may be waiting for it


def _tune(_client: object, _data: object, sock: Any) -> None:
    """Send small messages at once, keep the kernel's share of the queue small, and notice a black hole."""
    if sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, KEEPALIVE_S * 1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
