import pytest
from broker_rig import Mosquitto, passwords


@pytest.fixture(scope="session")
def broker_passwords(tmp_path_factory):
    return passwords(tmp_path_factory.mktemp("broker"))


@pytest.fixture
def mosquitto(tmp_path, broker_passwords):
    broker = Mosquitto(tmp_path, broker_passwords)
    broker.start()
    yield broker
    broker.kill()
