"""One image for all tests of the machine, and one machine at a time."""

import os
import sys

import pytest

from tests.machine.image import Image, image


@pytest.fixture(scope="session")
def made_image() -> Image:
    """`JINGTING_MACHINE=amd64` takes another machine, quick where there is KVM; the promises are arm64's."""
    print(file=sys.stderr)
    return image("amd64" if os.environ.get("JINGTING_MACHINE") == "amd64" else "arm64")
