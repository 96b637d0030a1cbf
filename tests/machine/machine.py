"""The small machine itself: QEMU with the image, a port to say things to it, its disks, its wire, its sockets.

    with Machine(image("arm64"), folder, data="data.img", forwards={8883: city.broker_port}) as machine:
        machine.run("systemctl is-active jingting-station")

Without KVM its processor is played (TCG): what it says of times is not a kiosk's.
"""

import base64
import contextlib
import itertools
import os
import platform
import shlex
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, Self

from tests.machine.image import Arch, Image
from tests.machine.qmp import Qmp

HOST: Final = "10.0.2.100"
"""How the machine calls the host: those of its ports that it was given (`headquarters.example` in its /etc/hosts)."""

BOOT_S: Final = 180.0
_RUN_S: Final = 60.0
_RELAY = Path(__file__).with_name("relay.py")
_OWN: Final = {"aarch64": "arm64", "x86_64": "amd64"}.get(platform.machine())


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a script: its exit code, and both its outputs in one."""

    code: int
    output: str


class MachineError(Exception):
    """The machine did not do as it was told; the message has its last words."""


def new_disk(path: Path, size: str = "128M") -> Path:
    """Make an empty ext4 disk for a machine's `data`, mounted at /var/lib/jingting there."""
    command = ["mke2fs", "-q", "-F", "-t", "ext4", str(path), size]
    subprocess.run(command, check=True, env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    return path


class Machine:
    """One run of the machine, in `folder`: its sockets, `console.log` (what the kernel and systemd said), `qemu.log`.

    `data`: a disk for /var/lib/jingting, a file or what QEMU takes as a drive (`nbd+unix:///?socket=PATH`); without
    one, data is gone with the run, as everything else that is written. `forwards`: port of `HOST` in the machine: port
    of 127.0.0.1 here; nothing else is reached. `devices`: further words for QEMU. `kvm`: by default where it works.
    `own_time`: a second of a played processor is 250 million instructions, however busy the host is, so that its
    watchdogs wait for its own work.
    """

    def __init__(
        self,
        image: Image,
        folder: Path,
        *,
        data: Path | str | None = None,
        data_cache: str = "writeback",
        forwards: Mapping[int, int] | None = None,
        memory_mib: int = 256,
        processors: int = 1,
        devices: Sequence[str] = (),
        kvm: bool | None = None,
        own_time: bool = False,
    ) -> None:
        self.image = image
        self.folder = folder
        self._data, self._data_cache = data, data_cache
        self._forwards = dict(forwards or {})
        self._memory_mib, self._processors = memory_mib, processors
        self._devices = tuple(devices)
        self.kvm = can_kvm(image.arch) if kvm is None else kvm
        self._own_time = own_time
        self._process: subprocess.Popen[bytes] | None = None
        self._agent: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[str, Future[Done]] = {}
        self._saying = threading.Lock()
        self._ready = threading.Event()
        self._qmp: Qmp | None = None
        self.started = 0.0

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """QEMU's process id: SIGSTOP stops the whole machine at once."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def qmp(self) -> Qmp:
        """QEMU's own port: `machine.qmp.do("device_del", id="reader")`."""
        if self._qmp is None:
            self._qmp = Qmp(self.folder / "qmp")
        return self._qmp

    @property
    def console(self) -> str:
        """What kernel and systemd said so far."""
        file = self.folder / "console.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def start(self) -> None:
        """Switch it on, and do not wait for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("agent", "qmp"):
            (self.folder / name).unlink(missing_ok=True)
        self._ready.clear()
        self.started = time.monotonic()
        with (self.folder / "qemu.log").open("ab") as log:
            # The tests' own end, however it comes, is the machine's.
            tied = ("setpriv", "--pdeathsig", "KILL", "--")
            self._process = subprocess.Popen(
                (*tied, *self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._agent = self._connect(self.folder / "agent")
        threading.Thread(target=self._hear, args=(self._agent,), daemon=True).start()

    def wait_ready(self, within_s: float = BOOT_S) -> float:
        """Wait until it hears scripts; return the seconds since it was switched on. Raises MachineError."""
        while not self._ready.wait(0.5):
            if not self.running or time.monotonic() > self.started + within_s:
                raise MachineError(f"it does not come up: {self._last_words()}")
        return time.monotonic() - self.started

    def begin(self, script: str) -> "Future[Done]":
        """Run a shell script in the machine, as root; several at a time where they are begun before others end."""
        number = str(next(self._numbers))
        future: Future[Done] = Future()
        self._waiting[number] = future
        line = f"{number} {base64.b64encode(script.encode()).decode()}\n".encode()
        assert self._agent is not None
        with self._saying:
            self._agent.sendall(line)
        return future

    def run(self, script: str, *, within_s: float = _RUN_S, check: bool = True) -> str:
        """Run a script and return what it said. Raises MachineError when it fails, or takes too long."""
        future = self.begin(script)
        try:
            done = future.result(within_s)
        except TimeoutError:
            raise MachineError(f"no end of {script!r} after {within_s:g} s: {self._last_words()}") from None
        if check and done.code:
            raise MachineError(f"{script!r} ended with {done.code}: {done.output}")
        return done.output

    def until(self, script: str, *, within_s: float = _RUN_S) -> str:
        """Run a script again and again until it succeeds; return what it said."""
        deadline = time.monotonic() + within_s
        while True:
            done = self.begin(script).result(within_s)
            if done.code == 0:
                return done.output
            if time.monotonic() > deadline:
                raise MachineError(f"{script!r} never succeeded: {done.output}; {self._last_words()}")
            time.sleep(0.1)

    def push(self, source: Path, to: str, *, owner: str = "root:root") -> None:
        """Lay a folder's files, or one file, into a folder of the machine."""
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for file in sorted(source.iterdir()) if source.is_dir() else [source]:
                tar.add(file, file.name, filter=lambda info: info if info.isreg() or info.isdir() else None)
        text = base64.encodebytes(packed.getvalue()).decode()
        place = shlex.quote(to)
        self.run(
            f"set -e; mkdir -p {place}; base64 -d <<'END' | tar -xz -C {place} --no-same-owner\n{text}END\n"
            f"chown -R {owner} {place}"
        )

    def freeze(self) -> None:
        """Stop all of it at this very moment (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End QEMU as a power cut ends a machine; nothing happens when it has ended."""
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
        if self._agent is not None:
            self._agent.close()
            self._agent = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(MachineError("the machine was switched off"))
        self._waiting.clear()

    def command(self) -> list[str]:
        """QEMU's command line."""
        arch, folder = self.image.arch, self.folder
        console = {"arm64": "ttyAMA0", "amd64": "ttyS0"}[arch]
        board = {"arm64": ["qemu-system-aarch64", "-M", "virt"], "amd64": ["qemu-system-x86_64", "-M", "q35"]}[arch]
        if self.kvm:
            board += ["-accel", "kvm", "-cpu", "host,-arch-capabilities" if arch == "amd64" else "host"]
        else:
            board += ["-accel", "tcg", "-cpu", {"arm64": "cortex-a53", "amd64": "max"}[arch]]
            if self._own_time:
                board += ["-icount", "shift=2"]
        words = f"console={console} quiet loglevel=4 panic=1 net.ifnames=0{' data' if self._data else ''}"
        command = [
            *board,
            *("-m", str(self._memory_mib), "-smp", str(self._processors)),
            *("-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{folder / 'console.log'}"),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)),
            *("-append", words),
            *("-drive", f"file={self.image.root},format=raw,if=none,id=root,snapshot=on,cache=unsafe"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=jingting.agent"),
            *("-device", "virtio-rng-pci"),
            *("-netdev", ",".join(["user,id=wire,restrict=on,ipv6=off", *self._guestfwd()])),
            *("-device", "virtio-net-pci,netdev=wire,id=card,romfile="),
        ]
        if self._data is not None:
            command += ["-drive", f"file={self._data},format=raw,if=none,id=data,cache={self._data_cache}"]
            command += ["-device", "virtio-blk-pci,drive=data,serial=data"]
        return [*command, *self._devices]

    def _guestfwd(self) -> list[str]:
        # QEMU's own forwarding to a socket is one connection for ever; a command is started for each.
        return [
            f"guestfwd=tcp:{HOST}:{guest}-cmd:{sys.executable} -ISs {_RELAY} {port}"
            for guest, port in self._forwards.items()
        ]

    def _connect(self, path: Path) -> socket.socket:
        deadline = time.monotonic() + 20
        while True:
            agent = socket.socket(socket.AF_UNIX)
            try:
                agent.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                agent.close()
                if not self.running or time.monotonic() > deadline:
                    raise MachineError(f"QEMU does not start: {self._last_words()}") from None
                time.sleep(0.02)
            else:
                return agent

    def _hear(self, agent: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), agent.makefile("rb") as lines:
            for line in lines:
                number, code, said = line.decode().rstrip("\n").split(" ")
                if number == "ready":
                    self._ready.set()
                elif (future := self._waiting.pop(number, None)) is not None:
                    output = base64.b64decode(said).decode(errors="replace")
                    future.set_result(Done(int(code), output))

    def _last_words(self) -> str:
        log = self.folder / "qemu.log"
        qemu = log.read_text(errors="replace")[-500:] if log.exists() else ""
        return f"{qemu} … {self.console[-1500:]}"


def can_kvm(arch: Arch) -> bool:
    """Whether this host runs such a machine by itself, and not by playing its processor.

    Not where it is a virtual machine itself: one inside of it was slower than a played one, or never came up.
    """
    nested = " hypervisor " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return arch == _OWN and not nested and os.access("/dev/kvm", os.R_OK | os.W_OK)
