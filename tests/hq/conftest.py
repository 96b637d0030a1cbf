from collections.abc import Iterator

import pytest
from store_rig import NOW, url_of

from hq.store import Store


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    opened = Store.open(url_of(tmp_path / "hq.db"), wall_ms=lambda: NOW)
    yield opened
    opened.close()
