# SPDX-License-Identifier: Apache-2.0
"""Disks of one's own, to be filled up: small file systems in memory, in a
mount namespace of this process, so that none outlives it."""
import os
import pathlib
import subprocess
import sys

MIB = 1 << 20
NAMESPACE = "HYP_TEST_NAMESPACE"
BLOCK = b"\0" * 4096


def enter_namespace():
    """Begin this program again where it may mount; whether it can. Where that
    is not allowed the disks' tests cannot be."""
    if NAMESPACE in os.environ:
        return os.environ[NAMESPACE] == "yes"
    for how in (["-m"], ["-r", "-m"]):
        unshare = ["unshare"] + how + ["--propagation", "private"]
        try_it = unshare + ["mount", "-t", "tmpfs", "none", "/mnt"]
        if subprocess.run(try_it, check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            os.environ[NAMESPACE] = "yes"
            os.execvp("unshare", unshare + [sys.executable, "-u"] + sys.argv)
    return False


class Disk:
    """A file system of a size, mounted on a folder."""

    def __init__(self, folder, size_mib):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.filler = self.folder / "filler"
        self.mount("-t", "tmpfs", "-o", f"size={size_mib}m,mode=700",
                   "tmpfs", str(folder))

    @staticmethod
    def mount(*args):
        subprocess.run(["mount"] + list(args), check=True)

    def fill(self, leave_mib=0):
        """Until nothing more fits, but for so much."""
        found = os.statvfs(self.folder)
        most = found.f_bavail * found.f_frsize - leave_mib * MIB
        with self.filler.open("wb", buffering=0) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, max(most, 1))
                file.seek(0, os.SEEK_END)
                while leave_mib == 0:
                    file.write(BLOCK)
            except OSError:
                pass  # it is full

    def free(self):
        self.filler.unlink(missing_ok=True)

    def set_writable(self, writable):
        """Not while somebody has a file open for writing."""
        self.mount("-o", "remount," + ("rw" if writable else "ro"),
                   str(self.folder))

    def remove(self):
        self.free()
        subprocess.run(["umount", "-l", str(self.folder)], check=False)
