import pytest

from sync import topics


@pytest.mark.parametrize(
    ("topic", "place"),
    [
        (topics.lane("sjz-001", "up", "urgent"), ("sjz-001", "up/urgent")),
        (topics.lane("sjz-001", "down", "log"), ("sjz-001", "down/log")),
        (topics.ack("sjz-001", "up"), ("sjz-001", "up/ack")),
        (topics.state("sjz-001"), ("sjz-001", "state")),
        (topics.health("sjz-001"), ("sjz-001", "health")),
    ],
)
def test_a_topic_tells_whose_it_is_and_what_it_carries(topic, place):
    assert topics.parse(topic) == place


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "jt/1/sjz-001",
        "jt/2/sjz-001/state",
        "jt/1/sjz-001/up",
        "jt/1/sjz-001/up/log/more",
        "jt/1/SJZ/state",
        "jt/1/a/state",
        "jt/1/-ab/state",
        "jt/1/hq/state",
        "jt/1/sjz-001/state\n",
        "jt/1/+/state",
        "jt/1/" + "a" * 33 + "/state",
        "$SYS/broker/uptime",
    ],
)
def test_a_foreign_topic_is_nobodys(topic):
    assert topics.parse(topic) is None


def test_headquarters_state_names_the_worker_and_is_no_stations():
    topic = topics.hq_state("worker-1")
    assert topics.parse_hq_state(topic) == "worker-1"
    assert topics.parse(topic) is None
    assert topics.parse_hq_state(topics.state("sjz-001")) is None
