"""Lay out the installed MicroPython stubs as a typeshed: `rp2_stubs.py FOLDER`.

mypy takes a standard library only as a folder of its own (`custom_typeshed_dir`), while the stubs' packages install
theirs among all others.
"""

import shutil
import sys
from importlib.metadata import files
from pathlib import Path


def main(folder: Path) -> None:
    """Make the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for package in ("micropython-rp2-stubs", "micropython-stdlib-stubs"):
        for file in files(package) or ():
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                to = folder / file
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), to)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
