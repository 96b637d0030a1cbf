import pytest
from broker_rig import Mosquitto, certificates
from session_rig import ByHand, Station

from sync import connection, session


@pytest.fixture(scope="session")
def broker_certificates(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("broker"))


@pytest.fixture
def mosquitto(tmp_path, broker_certificates):
    broker = Mosquitto(tmp_path, broker_certificates)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def impatience(monkeypatch):
    """Wills come at once, and a station looks at its clock often."""
    monkeypatch.setattr(connection, "WILL_DELAY_S", 0)
    monkeypatch.setattr(session, "_LOOK_EVERY_S", 0.02)


@pytest.fixture
async def hq(mosquitto, impatience):
    by_hand = ByHand(mosquitto)
    await by_hand.start()
    yield by_hand
    await by_hand.stop()


@pytest.fixture
async def station(mosquitto, impatience):
    one = Station(mosquitto)
    await one.start()
    yield one
    await one.stop()
