# SPDX-License-Identifier: Apache-2.0
"""A group of sources with an entry queue and a cleaner of its own, beside the
main one: the same comes of it as of one entry for all, also when either
cleaner is killed."""
import oracle
import rig
import run
import story

GROUP = "north"
PARTS = 4


class Both:
    """Two stories told to one suite at the same time, each to its entry."""

    def __init__(self, servers, store, plain):
        self.north = story.Story(
            plain.story.seed + 1, plain.story.n // 2, plain.story.begin_ms,
            connector=GROUP, collectd_share=0)
        self.north.cleaner = f"cleaner.{GROUP}"
        self.run = run.Run(servers, "groups", store, plain.story,
                           groups=(GROUP,))
        suite = self.run.suite
        path = servers.dir / f"{suite.name}.{GROUP}"
        self.north.write(path, f"{story.EXCHANGE}.{GROUP}")
        self.feed = rig.Feed(servers, path, f"{suite.name}.{GROUP}",
                             suite.vhost)

    def allow(self, part):
        for feed, told in ((self.run.feed, self.run.story),
                           (self.feed, self.north)):
            feed.allow(len(told.messages) * part // PARTS)
            feed.wait(len(told.messages) * (2 * part - 1) // (2 * PARTS))

    def kill(self, name):
        self.run.suite.engines[name].kill()
        self.run.suite.start(name)

    def tell(self):
        for part in range(1, PARTS + 1):
            self.allow(part)
            self.kill(f"cleaner.{GROUP}" if part % 2 else "cleaner")
        self.feed.wait(len(self.north.messages))
        self.feed.close()
        self.run.wait_end()
        rig.wait_for("the last event of the group", lambda: self.run.arrived(
            "events_log", self.north.last_entity))
        rig.wait_for("its last points", lambda: self.run.arrived(
            "metrics", self.north.last_entity))
        return self.run.finish(oracle.Oracle(self.run.story, self.north))


def test_groups(servers, store, case):
    """Two entries: as the oracle says."""
    lines = Both(servers, store, case.plain).tell()
    rig.say(f"  {len(lines)} rows are right")
