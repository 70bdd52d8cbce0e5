# SPDX-License-Identifier: Apache-2.0
"""A story told to a suite, and what stands in its store at the end."""
import json
import time

import compare
import rig
import story

SINCE_S = 60
STEP_MEMBERS = ("type", "t", "author", "message")
ALERTS = "test.alerts"  # a listener's
OPTIONS = {
    "alarm": "[alarm]\n# nothing that depends on how long a run takes\n"
             "resolve_after = 366d\ncancel_autosolve = 366d\n"
             "flapping_window = 30d\n",
    "collectdgw": "[collectdgw]\nalive = no\n",
}


class Run:
    """One story told to one suite."""

    def __init__(self, servers, name, store, told, make_suite=rig.Suite,
                 **more):
        self.servers = servers
        self.name = name
        self.story = told
        self.suite = make_suite(servers, name, store, OPTIONS, **more)
        path = servers.dir / f"{name}.story"
        told.write(path)
        self.suite.start_all()
        servers.amqp("bind", "-Q", ALERTS, "canopsis.alerts", "#")
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
                         self.arrived(c, self.story.last_entity))
        rig.wait_for("the last values of collectd", lambda:
                     self.arrived("metrics", story.LAST_COLLECTD))

    def finish(self):
        """The dump after a clean stop; all came through (wait_end)."""
        self.suite.stop_all()
        lines = compare.dump(self.suite)
        alerts = self.servers.amqp("consume", "-j", ALERTS)
        self.servers.amqp("delete", ALERTS)
        check_alerts(alerts.splitlines(), self.suite.rows("steps"))
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


def check_alerts(lines, rows):
    """Who listens to alarms has got every step, in order; a repeat, known by
    its id, says the same."""
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
    steps = {}
    for text in told.values():
        alert = json.loads(text)
        if alert.get("step") is not None:
            steps[alert["alarm_id"], alert["step"]] = tuple(
                alert[m] for m in STEP_MEMBERS)
    stored = {(row["alarm_id"], row["step"]):
              tuple(row[m] for m in STEP_MEMBERS) for _, _, row in rows}
    if steps != stored:
        wrong = sorted(set(steps.items()) ^ set(stored.items()))
        raise rig.Failure(f"alerts: {len(wrong)} differ from the steps: "
                          f"{wrong[:4]}")


def check_model(told, lines):
    """The plain run itself, against what the story knows."""
    points = {f"points /resource/story/one/host{e % 10}/service{e}/{m} {ms} ":
              v for (e, m, ms), v in told.points.items() if m != "cps_state"}
    found = {}
    for line in lines:
        if line.startswith("points /resource/story") \
                and "cps_state" not in line \
                and told.last_entity not in line:
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
