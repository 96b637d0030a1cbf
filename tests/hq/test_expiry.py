"""Nobody is surprised by the end of a certificate that headquarters lives by."""

import re

import pytest

from common.certificates import read_certificate
from hq.expiry import SHOWN_S, expiring, seconds_left
from hq.metrics import Metrics
from hq.view import Expiring
from jingting.web import page
from tests.certificates import certify
from tests.headquarters import headquarters, until

DAY_S = 24 * 3600


def test_of_each_certificate_it_is_known_how_long_it_is_good_and_what_cannot_be_read_is_left_out(tmp_path):
    certify(tmp_path, "hq", stem="hq")
    (tmp_path / "rubbish.pem").write_text("rubbish")
    ends_s = int(read_certificate(tmp_path / "hq.pem").not_valid_after_utc.timestamp())
    files = {"headquarters": tmp_path / "hq.pem", "pages": tmp_path / "rubbish.pem", "authority": tmp_path / "none.pem"}
    left = seconds_left(files, broker_ends_s=ends_s - 5, now_s=ends_s - 100)
    assert left == {"headquarters": 100, "broker": 95}
    assert seconds_left(files, broker_ends_s=None, now_s=ends_s + 1) == {"headquarters": -1}
    shown = Metrics().expose((), left).decode()
    assert 'jt_certificate_expiry_seconds{certificate="broker"} 95.0' in shown


@pytest.mark.parametrize(
    ("seconds", "days"), [(SHOWN_S - 1, 59), (DAY_S, 1), (DAY_S - 1, 0), (0, 0), (-400 * DAY_S, 0)]
)
def test_one_that_ends_within_sixty_days_is_shown_in_whole_days(seconds, days):
    assert expiring({"broker": seconds, "authority": SHOWN_S}) == (Expiring(certificate="broker", days_left=days),)


def test_the_one_that_ends_first_is_on_top():
    assert [one.certificate for one in expiring({"broker": 7, "pages": -7, "headquarters": 0})] == [
        "pages",
        "headquarters",
        "broker",
    ]


async def test_a_running_headquarters_knows_the_brokers_from_what_it_showed(tmp_path):
    async with headquarters(tmp_path, stations=("jt-001",)) as hq:
        found = {}

        def measured() -> bool:
            text = page(hq.web_url + "/metrics")
            found.update(re.findall(r'^jt_certificate_expiry_seconds\{certificate="(\w+)"\} (\S+)', text, re.MULTILINE))
            return len(found) == 3

        await until(measured)
    assert set(found) == {"authority", "broker", "headquarters"}
    assert all(float(seconds) > DAY_S for seconds in found.values())
