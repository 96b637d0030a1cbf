"""One image for all tests of the machine, and one machine at a time."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.machine.image import Image, image
from tests.machine.kiosk import Kiosk


@pytest.fixture(scope="session")
def made_image() -> Image:
    """`JINGTING_MACHINE=amd64` takes another machine, quick where there is KVM; the promises are arm64's."""
    print(file=sys.stderr)
    return image("amd64" if os.environ.get("JINGTING_MACHINE") == "amd64" else "arm64")


@pytest.fixture(scope="session")
def kiosk(made_image, tmp_path_factory) -> Iterator[Kiosk]:
    """One kiosk for all who leave it as whole as they found it."""
    with Kiosk(made_image, tmp_path_factory.mktemp("kiosk")) as kiosk:
        yield kiosk
