import tempfile
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from web_desks import StationDesk, at_station

from common.web.languages import LOCALES


@pytest.fixture(scope="session", autouse=True)
def catalogues():
    """What `pybabel compile` makes, renamed into place: other test processes may be reading it."""
    for path in LOCALES.glob("*/LC_MESSAGES/*.po"):
        with path.open("rb") as source:
            catalogue = read_po(source, locale=path.parts[-3])
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as compiled:
            write_mo(compiled, catalogue)
        Path(compiled.name).chmod(0o644)
        Path(compiled.name).replace(path.with_suffix(".mo"))


@pytest.fixture
async def station():
    async with at_station(StationDesk()) as browser:
        yield browser
