# SPDX-License-Identifier: Apache-2.0
"""A story told to a suite, and what stands in its store at the end."""
import time

import compare
import rig
import story

SINCE_S = 60
OPTIONS = {
    "alarm": "[alarm]\n# nothing that depends on how long a run takes\n"
             "resolve_after = 366d\ncancel_autosolve = 366d\n"
             "flapping_window = 30d\n",
    "collectdgw": "[collectdgw]\nalive = no\n",
}


class Run:
    """One story told to one suite."""

    def __init__(self, servers, name, store, told):
        self.servers = servers
        self.name = name
        self.story = told
        self.suite = rig.Suite(servers, name, store, OPTIONS)
        path = servers.dir / f"{name}.story"
        told.write(path)
        self.suite.start_all()
        self.feed = rig.Feed(servers, path, name)

    def arrived(self, collection, entity_id):
        return bool(list(self.suite.rows(collection,
                                         where={"entity_id": entity_id})))

    def wait_end(self):
        """All was confirmed, and the last of each way has come through."""
        self.feed.wait(len(self.story.messages))
        self.feed.close()
        self.suite.wait_ready()
        for collection in ("alarms", "events_log", "metrics"):
            rig.wait_for(f"the last event in {collection}", lambda c=collection:
                         self.arrived(c, story.LAST_ENTITY))
        rig.wait_for("the last values of collectd", lambda:
                     self.arrived("metrics", story.LAST_COLLECTD))

    def finish(self):
        """The dump after a clean stop; all came through (wait_end)."""
        self.suite.stop_all()
        lines = compare.dump(self.suite)
        self.suite.forget_queues()
        for collection in compare.EMPTY_AFTER_STOP:
            if compare.count(lines, collection) > 0:
                raise rig.Failure(f"{self.name}: rows left in {collection} "
                                  "after a clean stop")
        return lines


class Plain:
    """One story, and what each store holds after a run without a fault."""

    def __init__(self, options):
        begin_ms = int((time.time() - SINCE_S) * 1000) \
            - options.events * story.TICK_MS
        self.story = story.Story(options.seed, options.events, begin_ms)
        self.lines = {}

    def wanted(self, servers, store):
        if store not in self.lines:
            run = Run(servers, f"plain-{store}", store, self.story)
            run.feed.allow(len(self.story.messages))
            run.wait_end()
            self.lines[store] = run.finish()
            check_model(self.story, self.lines[store])
        return self.lines[store]


def check_model(told, lines):
    """The plain run itself, against what the story knows."""
    points = {f"points /resource/story/one/host{e % 10}/service{e}/{m} {ms} ":
              v for (e, m, ms), v in told.points.items() if m != "cps_state"}
    found = {}
    for line in lines:
        if line.startswith("points /resource/story") \
                and "cps_state" not in line \
                and story.LAST_ENTITY not in line:
            at = line.index("{")
            found[line[:at]] = float(line[at:].split(":")[1].strip(" }"))
    if found != points:
        wrong = set(found.items()) ^ set(points.items())
        raise rig.Failure(f"points: {len(wrong)} differ from the story: "
                          f"{sorted(wrong)[:5]}")
    if compare.count(lines, "points") != \
            len(told.points) + told.n_collectd + 2:
        raise rig.Failure("points: one of cps_state or collectd is missing")
    if compare.count(lines, "events_log") != told.n_logged:
        raise rig.Failure(f"events_log: {compare.count(lines, 'events_log')} "
                          f"rows, expected {told.n_logged}")
    if compare.count(lines, "dead") != 0:
        raise rig.Failure("dead letters in a story that has none")
