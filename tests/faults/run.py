# SPDX-License-Identifier: Apache-2.0
"""A story told to a suite, and what stands in its store at the end."""
import json
import time

import compare
import oracle
import rig
import story

SINCE_S = 60
SHOWN = 20
OPTIONS = {
    # The clock is set back by less than max_ahead.
    "cleaner": "[cleaner]\nmax_ahead = 1d\n",
    "alarm": "[alarm]\n# nothing that depends on how long a run takes\n"
             "resolve_after = 366d\ncancel_autosolve = 366d\n"
             "flapping_window = 30d\n",
    "collectdgw": "[collectdgw]\nalive = no\nmax_ahead = 1d\n",
}


class Run:
    """One story told to one suite."""

    def __init__(self, servers, name, store, told, make_suite=rig.Suite,
                 **more):
        self.servers = servers
        self.name = name
        self.store = store
        self.story = told
        self.suite = make_suite(servers, name, store, OPTIONS, **more)
        path = servers.dir / f"{self.suite.name}.story"
        told.write(path)
        self.suite.start_all()
        self.suite.start_web()
        self.suite.amqp("bind", "-Q", rig.ALERTS, "canopsis.alerts", "#")
        self.feed = rig.Feed(servers, path, self.suite.name, self.suite.vhost)

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
                         self.arrived(c, self.story.last_entity))
        rig.wait_for("the last values of collectd", lambda:
                     self.arrived("metrics", story.LAST_COLLECTD))

    def finish(self, oracle_):
        """After a clean stop (all came through: wait_end) everything is as
        the oracle says. Returns what the store holds, as text."""
        self.suite.stop_all()
        points = self.suite.web.points(time.time() + SINCE_S)
        self.suite.web.stop()
        lines = compare.dump(self.suite)
        alerts = self.suite.amqp("consume", "-j", rig.ALERTS).splitlines()
        texts = check_alerts(alerts)
        judge = oracle.Judge(oracle_, self.suite.rows(), texts, points)
        wrong = judge.judge()
        wrong += [f"{collection}: rows left after a clean stop" for collection
                  in compare.EMPTY_AFTER_STOP
                  if compare.count(lines, collection) > 0]
        if wrong:
            raise rig.Failure(f"{self.name}: {len(wrong)} differences from "
                              "the oracle:\n" + "\n".join(wrong[:SHOWN]))
        return lines


class Plain:
    """One story, what must come of it, and what each store holds after a run
    without a fault."""

    def __init__(self, seed, events):
        begin_ms = int((time.time() - SINCE_S) * 1000) - events * story.TICK_MS
        self.story = story.Story(seed, events, begin_ms)
        self.oracle = oracle.Oracle(self.story)
        self.lines = {}

    def wanted(self, servers, store):
        """The rows of that run, which is made when first asked for."""
        if store not in self.lines:
            run = Run(servers, "plain", store, self.story)
            run.feed.allow(len(self.story.messages))
            run.wait_end()
            self.lines[store] = run.finish(self.oracle)
        return self.lines[store]

    def judge(self, run, what):
        """A run that came to its end: as the oracle says, and as without a
        fault."""
        wanted = self.wanted(run.servers, run.store)
        lines = compare.difference(wanted, run.finish(self.oracle))
        if lines:
            raise rig.Failure(f"{what}:\n" + "\n".join(lines))
        rig.say(f"  {len(wanted)} rows are the same")


def test_plain(servers, store, case):
    """Without a fault: as the oracle says."""
    case.plain.wanted(servers, store)


def check_alerts(lines):
    """Who listens to alarms is told every step in order; a repeat, known by
    its id, says the same. Returns each message once."""
    told, last = {}, {}
    for line in lines:
        name, text = line.split("\t", 1)
        if told.setdefault(name, text) != text:
            raise rig.Failure(f"alert {name} came again as {text}, first as "
                              f"{told[name]}")
        alert = json.loads(text)
        alarm, step = alert["alarm_id"], alert.get("step")
        if step is None or step <= last.get(alarm, 0):
            continue
        if step != last.get(alarm, 0) + 1:
            raise rig.Failure(f"alarm {alarm}: step {step} was told after "
                              f"{last.get(alarm, 0)}")
        last[alarm] = step
    return list(told.values())
