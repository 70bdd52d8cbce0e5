# SPDX-License-Identifier: Apache-2.0
"""The wall clock of the suite's processes, to be set (clock_shim.c)."""
import os
import struct


class Clock:
    """So many seconds ahead of the machine's, or behind it."""

    def __init__(self, folder, shim):
        self.path = folder / "clock"
        self.shim = shim
        self.path.write_bytes(struct.pack("q", 0))

    def set(self, seconds):
        """At once, in every process that has it."""
        with self.path.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", seconds))

    def env(self):
        return dict(os.environ, LD_PRELOAD=str(self.shim),
                    HYP_TEST_CLOCK=str(self.path))
