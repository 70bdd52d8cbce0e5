# SPDX-License-Identifier: Apache-2.0
"""Two instances of each engine at once, while the active ones are stalled by
SIGSTOP in the middle of a batch and go on later."""
import sqlite3
import time

import rig
import run

LOCK_S = 60
STALE_S = 2


class StoreHeld:
    """Nobody else writes to an engine's SQLite file meanwhile: its commit
    waits, so it stands in the middle of a batch."""

    def __init__(self, suite, name):
        self.db = sqlite3.connect(suite.dir / "store" / f"{name}.db",
                                  timeout=LOCK_S, isolation_level=None)

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_):
        self.db.execute("ROLLBACK")
        self.db.close()


class Pair:
    """The instances of one engine: the active one, and one that waits."""

    def __init__(self, suite, name):
        self.suite = suite
        self.name = name
        self.n_started = 0
        self.first = suite.engines[name]
        self.second = self.start()

    def start(self):
        self.n_started += 1
        engine = rig.Engine(self.suite, self.name, f"-{self.n_started}")
        engine.wait_ready()
        return engine

    def both(self):
        return (self.first, self.second)

    def in_batch(self):
        """While the store is held: the commit does not come through."""
        status = self.first.status()
        return not status.get("ready") or \
            time.time() - status["updated_at"] > STALE_S

    def has_taken_over(self):
        return self.second.metric("batches_total") > 0

    def swap(self):
        """The second is the active one now; the stalled one, going on, must
        end by the fence, and another one starts in its place. Where it had
        nothing to commit it waits in the line: then it gets its turn."""
        rig.wait_for(f"the stalled engine-{self.name} to end or to wait",
                     lambda: self.has_ended() or self.is_waiting())
        at_once = self.has_ended()
        if not at_once:
            self.second.stop()
            self.second = self.start()
            rig.wait_for(f"the stalled engine-{self.name} to be fenced off",
                         self.has_ended)
        self.first, self.second = self.second, self.start()
        self.suite.engines[self.name] = self.first
        return at_once

    def has_ended(self):
        status = self.first.process.poll()
        if status not in (None, rig.EXIT_FENCED):
            raise rig.Failure(f"engine-{self.name} ended with status {status}:"
                              f" {self.first.log_tail()}")
        return status is not None

    def is_waiting(self):
        """Connected once more after it went on."""
        status = self.first.status()
        return status.get("ready") and \
            status["updated_at"] > self.continued_s + STALE_S

    def go_on(self):
        self.continued_s = time.time()
        self.first.signal(rig.CONTINUE)


class Twins:
    """A pair of each engine, stalled in some ways."""

    def __init__(self, told):
        self.run = told
        self.suite = told.suite
        self.pairs = [Pair(self.suite, name) for name in self.suite.list]
        self.part = len(told.story.messages) // 4
        self.allowed = 0

    def allow(self, count):
        self.allowed += count
        self.run.feed.allow(self.allowed)

    def stall_one(self, pair, share):
        """From the end of the chain, each while events flow to it."""
        if self.run.store == "sqlite":
            with StoreHeld(self.suite, pair.name):
                self.allow(share)
                rig.wait_for(f"engine-{pair.name} in a batch", pair.in_batch)
                pair.first.signal(rig.STOP)
        else:
            before = pair.first.metric("batches_total")
            self.allow(share)
            rig.wait_for(f"engine-{pair.name} in a batch", lambda:
                         pair.first.metric("batches_total") > before)
            pair.first.signal(rig.STOP)

    def stall(self):
        share = self.part // (len(self.pairs) + 1)
        for pair in reversed(self.pairs):
            self.stall_one(pair, share)
        self.allow(self.part - share * len(self.pairs))

    def wait_taken_over(self):
        for pair in self.pairs:
            rig.wait_for(f"the second engine-{pair.name} to take over",
                         pair.has_taken_over)

    def end_stalled(self, way):
        for pair in self.pairs:
            pair.go_on()
        n_at_once = sum(pair.swap() for pair in self.pairs)
        rig.say(f"  {way}: {n_at_once} of {len(self.pairs)} ended at once, "
                "the others when their turn came")

    def unnoticed(self):
        """They go on before the broker has noticed anything."""
        self.stall()
        for pair in self.pairs:
            pair.go_on()
        self.run.feed.wait(self.allowed)

    def noticed(self):
        """The broker gives their queues to the others, when nothing was heard
        for two heartbeats; these take over; then they go on."""
        self.stall()
        self.wait_taken_over()
        self.end_stalled("continued after the others took over")

    def between(self):
        """They lose their connections and go on before the others, which
        have their queues by then, raise the fence."""
        self.stall()
        for pair in self.pairs:
            pair.second.signal(rig.STOP)
        self.run.servers.cut([p.first.process.pid for p in self.pairs])
        for pair in self.pairs:
            pair.go_on()
        for pair in self.pairs:
            rig.wait_for(f"the stalled engine-{pair.name} to go on",
                         lambda p=pair: p.has_ended() or p.is_waiting())
            pair.second.signal(rig.CONTINUE)
        self.wait_taken_over()
        self.end_stalled("continued before the others took over")

    def go(self):
        self.unnoticed()
        self.noticed()
        self.between()
        self.run.feed.allow(len(self.run.story.messages))

    def end(self):
        """Those that wait leave first."""
        self.run.wait_end()
        for pair in self.pairs:
            pair.second.stop()


def test_twins(servers, store, case):
    """Two of each engine, the active ones stalled: the same as with one."""
    told = run.Run(servers, "twins", store, case.plain.story)
    twins = Twins(told)
    twins.go()
    twins.end()
    case.plain.judge(told, "with two of each engine")
