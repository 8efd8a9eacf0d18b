# SPDX-License-Identifier: MIT
"""The machines that programs are made for: what is called how on each.

A port is found by its name (--arch, with what else people call it), or by the ELF machine number of a program.
"""
import os
import platform
from dataclasses import dataclass

from .errors import Failure


@dataclass(frozen=True)
class Port:
    """names: the first is ours (build/NAME). lib64: the dynamic linker lies there. exit: of the kernel command line."""
    names: tuple
    shown: str
    debian: str
    elf_machine: int
    platform: str
    compiler: str
    loader: str
    lib64: bool
    qemu: str
    qemu_package: str
    machine: str
    cpu: str
    exit: str
    uart: str

    @property
    def name(self):
        return self.names[0]

    @property
    def multiarch(self):
        return self.platform + "-linux-gnu"

    @property
    def library_directories(self):
        """Where a root has its libraries, in the order of the dynamic linker."""
        return [f"/lib/{self.multiarch}", f"/usr/lib/{self.multiarch}", "/lib", "/usr/lib", "/usr/local/lib"]

    @property
    def host_libraries(self):
        """Where this machine has what its compiler links programs with: the cross compiler's, or its own."""
        own = [f"/lib/{self.multiarch}", f"/usr/lib/{self.multiarch}", "/usr/lib64", "/lib64"]
        return [f"/usr/{self.multiarch}/lib"] + (own if platform.machine() == self.platform else [])

    @property
    def libc6(self):
        """Files of Debian's package libc6."""
        return (self.loader,) + LIBC6

    def tool(self, name):
        """The path-less name of a program of the binutils, and the Debian package that has it."""
        return f"{self.multiarch}-{name}", f"binutils-{self.multiarch.replace('_', '-')}"

    @property
    def musl_path(self):
        """musl's library path (the file /etc/ld-musl-ARCH.path)."""
        return "".join(f"{path}\n" for path in ("/lib", "/usr/lib", "/usr/local/lib", f"/lib/{self.platform}-linux-musl",
                                               f"/usr/lib/{self.platform}-linux-musl"))


LIBC6 = ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2", "libutil.so.1", "libanl.so.1",
         "libnsl.so.1", "libthread_db.so.1", "libmvec.so.1")

ARM64 = Port(names=("arm64", "aarch64"), shown="arm64", debian="arm64", elf_machine=183, platform="aarch64",
             compiler="aarch64-linux-gnu-gcc", loader="ld-linux-aarch64.so.1", lib64=False,
             qemu="qemu-system-aarch64", qemu_package="qemu-system-arm", machine="virt", cpu="cortex-a72",
             exit="semihosting", uart="pl011")
X86_64 = Port(names=("x86_64", "amd64", "x86-64", "x64"), shown="x86-64", debian="amd64", elf_machine=62, platform="x86_64",
              compiler="x86_64-linux-gnu-gcc", loader="ld-linux-x86-64.so.2", lib64=True,
              qemu="qemu-system-x86_64", qemu_package="qemu-system-x86", machine="microvm", cpu="max",
              exit="isa-debug-exit", uart="ns16550")
PORTS = (ARM64, X86_64)
DEFAULT = ARM64


def by_name(name):
    for port in PORTS:
        if name.lower() in port.names:
            return port
    raise Failure(f"--arch {name} is not known; there are {' and '.join(port.name for port in PORTS)}")


def by_elf_machine(number):
    for port in PORTS:
        if port.elf_machine == number:
            return port
    return None


def kernel(port, repo):
    """The kernel image that `make` builds for a port."""
    return os.path.join(repo, "build", port.name, "samara.img")
