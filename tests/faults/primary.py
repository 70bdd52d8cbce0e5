# SPDX-License-Identifier: Apache-2.0
"""A set of three members loses its primary: killed, stepped down, hanging.
The suite goes on with the next one while the old is away."""
import random
import time

import members
import rig
import run

AWAY_S = 60  # to go on while it is away: its last answer is waited for
HEALTHY_S = 30
FAULTS = ("killed", "stepped down", "hangs")


class OnSet(rig.Suite):
    """A suite whose store is a set."""

    def __init__(self, the_set, *args, **more):
        self.set = the_set
        super().__init__(*args, **more)

    def store_uri(self):
        return self.set.uri(self.name)


class Losses:
    """Each fault, in an order and at moments from a seed."""

    def __init__(self, told, the_set, case):
        self.run = told
        self.suite = told.suite
        self.set = the_set
        self.random = random.Random(case.seed)
        self.plan = list(FAULTS) * max(case.rounds, 1)
        self.random.shuffle(self.plan)

    def flows(self):
        """What comes in now reaches the log."""
        store = self.suite.engines["eventstore"]
        before = store.metric("events_total")
        return lambda: store.metric("events_total") > before

    def lose(self, number, how):
        """Begin it; returns what ends it."""
        if how == "killed":
            self.set.tell(number, "kill")
            return lambda: self.set.start(number)
        if how == "stepped down":
            self.set.step_down(number)
            return lambda: None
        process = self.set.process(number)
        process.signal(rig.STOP)
        return lambda: process.signal(rig.CONTINUE)

    def strike(self, how, until):
        number = self.set.primary()
        begun = time.monotonic()
        end = self.lose(number, how)
        try:
            flows = self.flows()
            self.run.feed.allow(until)
            rig.wait_for("another primary", lambda: self.set.primary(number)
                         is not None, AWAY_S)
            rig.wait_for(f"events to flow, the primary {how}", flows, AWAY_S)
            self.suite.web.wait_well(HEALTHY_S)
        finally:
            end()
        ended = time.monotonic()
        self.suite.wait_healed(HEALTHY_S)
        rig.say(f"  primary {how}: {ended - begun:.1f} s, well again after "
                f"{time.monotonic() - ended:.1f} s")

    def go(self):
        n = len(self.run.story.messages)
        part = n // (len(self.plan) + 1)
        for i, how in enumerate(self.plan):
            self.run.feed.allow(i * part + part // 2)
            self.run.feed.wait(i * part + self.random.randrange(part // 2))
            self.strike(how, (i + 1) * part)
        self.run.feed.allow(n)


def test_primary(servers, store, case):
    """As the oracle says, and as without a fault."""
    the_set = members.Members(servers)
    try:
        the_set.start_all()
        told = run.Run(servers, "primary", store, case.plain.story,
                       lambda *args, **more: OnSet(the_set, *args, **more))
        Losses(told, the_set, case).go()
        told.wait_end()
        case.plain.judge(told, "after the primary was lost")
    finally:
        servers.drop_all()
        for stop in the_set.stops():
            stop()
