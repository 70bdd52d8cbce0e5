# SPDX-License-Identifier: Apache-2.0
"""Everything that can die, stop, hang or refuse does, under load, at moments
from a seed; the end must be that of a run without."""
import random
import time

import rig
import run
import strikes

HEALTHY_S = 30  # by itself, after the end of a fault
# Engines are struck by these, each or one by chance.
ENGINE_FAULTS = {"sqlite": ("killed", "stopped", "refused by its store"),
                 "mongodb": ("killed", "stopped")}
COMMON = ("rabbitmq killed", "rabbitmq stopped", "rabbitmq hangs",
          "rabbitmq out of memory", "everything killed", "everything stopped",
          "network delayed", "network reset", "network truncated",
          "network half-open", "clock set back")
OF_STORE = {"sqlite": (),
            "mongodb": ("mongod killed", "mongod stopped", "mongod hangs",
                        "mongod refuses", "store-network delayed",
                        "store-network reset", "store-network truncated",
                        "store-network half-open")}
# Where disks can be filled.
OF_DISKS = {"sqlite": ("rabbitmq disk full", "store disk full",
                       "store read-only"),
            "mongodb": ("rabbitmq disk full", "mongod disk full")}
# The short form: one of each family on one of the stores, of the quick ones.
SHORT = {"sqlite": ("everything killed", "rabbitmq out of memory",
                    "network half-open", "network reset", "clock set back",
                    "store disk full", "store read-only"),
         "mongodb": ("everything stopped", "network truncated",
                     "mongod killed", "mongod hangs", "mongod refuses",
                     "store-network reset")}


class Faults:
    """A plan of faults for one run, in an order from a seed. rounds: how
    often each strikes each engine; 0: the short form, engines by chance."""

    def __init__(self, told, case):
        self.run = told
        self.suite = told.suite
        self.random = random.Random(case.seed)
        self.until = 0
        self.strikes = strikes.Strikes(told, self.more)
        plan = [f"{name} {how}" for how in ENGINE_FAULTS[told.store]
                for name in self.engines(case.rounds)]
        plan += [fault for fault in self.others()
                 if not case.is_short() or fault in SHORT[told.store]]
        self.plan = [f for f in plan if case.wants(f)] * max(case.rounds, 1)
        self.random.shuffle(self.plan)

    def engines(self, rounds):
        """Those that one kind of fault strikes."""
        every = list(self.suite.list)
        return every if rounds > 0 else [self.random.choice(every)]

    def others(self):
        """What strikes no engine."""
        store = self.run.store
        found = COMMON + OF_STORE[store]
        return found + OF_DISKS[store] * self.run.servers.own_disks

    def more(self):
        self.run.feed.allow(self.until)

    def strike(self, fault):
        begun = time.monotonic()
        self.strikes.strike(fault)
        ended = time.monotonic()
        self.suite.wait_healed(HEALTHY_S)
        rig.say(f"  {fault}: {ended - begun:.1f} s, well again after "
                f"{time.monotonic() - ended:.1f} s")

    def go(self):
        """Let a part of the story flow, strike within it, let more flow
        while the fault lasts, and so on."""
        n = len(self.run.story.messages)
        part = n // (len(self.plan) + 1)
        for i, fault in enumerate(self.plan):
            begin = i * part
            self.until = begin + part
            self.run.feed.allow(begin + part * 3 // 4)
            self.run.feed.wait(begin + self.random.randrange(1, part // 2))
            try:
                self.strike(fault)
            except rig.Failure as failure:
                raise rig.Failure(f"{fault}: {failure}") from failure
        self.run.feed.allow(n)


def test_faults(servers, store, case):
    """Faults of each kind: the same as without."""
    told = run.Run(servers, "faults", store, case.plain.story)
    faults = Faults(told, case)
    faults.go()
    told.wait_end()
    case.plain.judge(told, "after " + ", ".join(faults.plan))
