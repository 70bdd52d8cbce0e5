# SPDX-License-Identifier: Apache-2.0
"""A group of sources with an entry queue and a cleaner of its own, beside the
main one: the same comes of it as of one entry for all, also when either
cleaner is killed."""
import compare
import rig
import run
import story

GROUP = "north"
PARTS = 4


class Both:
    """Two stories told to one suite at the same time."""

    def __init__(self, servers, store, name, plain, groups=()):
        self.groups = groups
        self.north = story.Story(
            plain.story.random.randrange(1 << 30), plain.story.n // 2,
            plain.story.begin_ms, connector=GROUP, collectd_share=0)
        self.run = run.Run(servers, name, store, plain.story, groups=groups)
        path = servers.dir / f"{name}.{GROUP}"
        self.north.write(path, f"{story.EXCHANGE}.{GROUP}" if groups
                         else story.EXCHANGE)
        self.feed = rig.Feed(servers, path, f"{name}.{GROUP}")

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
            for group in self.groups:
                self.kill(f"cleaner.{group}" if part % 2 else "cleaner")
        self.feed.wait(len(self.north.messages))
        self.feed.close()
        self.run.wait_end()
        rig.wait_for("the last event of the group", lambda: self.run.arrived(
            "events_log", self.north.last_entity))
        rig.wait_for("its last points", lambda: self.run.arrived(
            "metrics", self.north.last_entity))
        return self.run.finish()


def test_groups(servers, store, options):
    """Two entries: the same as with one."""
    state = options.plain.story.random.getstate()
    wanted = Both(servers, store, f"one-{store}", options.plain).tell()
    options.plain.story.random.setstate(state)
    lines = compare.difference(wanted, Both(
        servers, store, f"two-{store}", options.plain, (GROUP,)).tell())
    if lines:
        raise rig.Failure("with an entry of its own:\n" + "\n".join(lines))
    rig.say(f"  {len(wanted)} rows are the same")
