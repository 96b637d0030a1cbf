"""The small machine's image: made once, kept outside the repository, and made anew when what it is made of has changed.

A base (Debian of few packages), a kernel, and on both of them the station as its own documentation installs it. Each
part lies in a folder named after everything that went into it. `JINGTING_MACHINE_SUITE` takes another Debian.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Arch: TypeAlias = Literal["arm64", "amd64"]

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_SUITE = os.environ.get("JINGTING_MACHINE_SUITE", "bookworm")
_PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "amd64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}
_PYTHON = {"bookworm": "3.11", "trixie": "3.13"}[_SUITE]
_PACKAGES = ("agent", "common", "drivers", "hq", "jingting", "sync")
_KEPT = 4  # the newest ones of each part


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine is started with; `root` is never written to."""

    arch: Arch
    folder: Path

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"

    @property
    def root(self) -> Path:
        return self.folder / "root.ext4"


def cache() -> Path:
    """Where the parts are kept: `~/.cache/jingting/machine`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jingting/machine"


def image(arch: Arch = "arm64") -> Image:
    """Return the machine's image, made first where there is none of this very station. Raises CalledProcessError."""
    cache().mkdir(parents=True, exist_ok=True)
    made = cache() / f"station-{arch}-{_key(_station_inputs())}"
    with _only_one(made):
        if not (made / "root.ext4").exists():
            _tell(f"Making the small machine ({arch}); parts that are there already are taken from {cache()}")
            _run(HERE / "prepare", arch)
            base = _part(f"base-{arch}-{_SUITE}", "build-base", arch, _SUITE)
            kernel = _part(f"kernel-{arch}", "build-kernel", arch)
            with _folder(made) as to:
                wheels = to / "wheels"
                wheels.mkdir()
                wheel = _gather(arch, wheels)
                _run(HERE / "build-station", base, kernel, wheels, wheel, to)
            _forget(f"station-{arch}-")
        os.utime(made)
        return Image(arch, made)


def _station_inputs() -> list[Path]:
    """What the image is made of: its own scripts, what is installed, and the unit."""
    files = [HERE / "prepare", *HERE.glob("build-*"), *(HERE / "guest").rglob("*"), Path(__file__)]
    files += [
        ROOT / "requirements/station.txt",
        ROOT / "pyproject.toml",
        ROOT / "config/systemd/jingting-station.service",
    ]
    for package in _PACKAGES:
        files += [file for file in (ROOT / package).rglob("*") if "__pycache__" not in file.parts]
    return files


def _key(files: Iterable[Path]) -> str:
    said = hashlib.sha256(_SUITE.encode())
    for file in sorted(file for file in files if file.is_file()):
        said.update(str(file.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return said.hexdigest()[:16]


def _part(name: str, script: str, *words: str) -> Path:
    made = cache() / f"{name}-{_key([HERE / script])}"
    with _only_one(made):
        if not made.exists():
            with _folder(made) as to:
                _run(HERE / script, *words, to)
            _forget(f"{name}-")
        os.utime(made)
    return made


@contextmanager
def _only_one(made: Path) -> Iterator[None]:
    """Let one make what several want at the same time."""
    with made.with_name(f".{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _folder(made: Path) -> Iterator[Path]:
    """A new folder that has its name only once everything is in it."""
    part = made.with_name(made.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    yield part
    part.rename(made)


def _forget(prefix: str) -> None:
    made = [folder for folder in cache().glob(prefix + "*") if folder.suffix != ".part"]
    found = sorted(made, key=lambda folder: folder.stat().st_mtime)
    for old in found[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _gather(arch: Arch, to: Path) -> str:
    """Put into a folder what an installer carries to a kiosk; return the name of the station's own wheel."""
    _tell("  the packages of requirements/station.txt, and the station's own")
    platforms = [word for platform in _PLATFORMS[arch] for word in ("--platform", platform)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    requirements = ROOT / "requirements/station.txt"
    abis = [word for abi in (f"cp{_PYTHON.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    python = ["--python-version", _PYTHON, "--implementation", "cp", *abis]
    _run(*pip, "download", "--only-binary=:all:", *platforms, *python, "--require-hashes", "-d", to, "-r", requirements)
    # In a copy: what setuptools leaves in its source would be taken into the next wheel, however old.
    source = to / "source"
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    _run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", to, source)
    shutil.rmtree(source)
    shutil.copy(requirements, to)
    shutil.copy(ROOT / "config/systemd/jingting-station.service", to)
    [wheel] = to.glob("jingting-*.whl")
    return wheel.name


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
