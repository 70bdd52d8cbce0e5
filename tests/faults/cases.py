#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The stories of tests/cases told to the real engines on a real broker.

usage: cases.py [--store sqlite|mongodb]... [NAME]...

Each story has a vhost and a store of its own, and starts now: the times in it
move along. A wait is over when chain time says so. Names are as in
alarm/ttl."""
import argparse
import concurrent.futures
import json
import os
import re
import signal
import sys
import time

import rig

STORY_START = 1700000000
AT_ONCE = 10
NEAR_S = 0.0005
CASES = rig.SOURCE / "tests" / "cases"
# The engine of docs/tutorial is told its stories too.
FOLDERS = (CASES, rig.SOURCE / "docs" / "tutorial" / "tests" / "cases")
# The language of filters has no engine: its cases run on every store in
# `make check`.
NOT_STORIES = ("filter",)


def path_of(name):
    """The file of a story."""
    return next(path for path in (f / f"{name}.json" for f in FOLDERS)
                if path.exists())


def fits(want, got):
    """Whether got has every member that want names."""
    if want is None or got is None:
        return want is got
    if isinstance(want, dict):
        return isinstance(got, dict) and \
            all(fits(v, got.get(k)) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and \
            all(map(fits, want, got))
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return abs(want - got) < NEAR_S
    return want == got


def difference(what, want, got, ordered):
    """"" when each of want has its own of got, and none is left over."""
    left = list(got)
    for one in want:
        among = left[:1] if ordered else left
        found = next((i for i, other in enumerate(among)
                      if fits(one, other)), None)
        if found is None:
            return f"{what}: expected {json.dumps(one)}, found " \
                f"{json.dumps(among)[:1500]}"
        del left[found]
    return f"{what}: too many: {json.dumps(left)[:1500]}" if left else ""


class Case:
    """One story on one store."""

    def __init__(self, servers, name, store):
        self.servers = servers
        self.name = name
        self.store = store
        self.suite = None
        self.start_s = int(time.time())
        text = path_of(name).read_text()
        self.story = json.loads(re.sub(r"\b17000000(\d\d)\b", self.move, text))

    def move(self, match):
        return str(self.start_s + int(match.group(1)))

    def make_suite(self):
        chain = self.story["engines"]
        engines = {"cleaner": (chain[0]["engine"], "")}
        engines.update({e["engine"]: (e.get("next", ""), "") for e in chain})
        self.suite = rig.Suite(self.servers, self.name.replace("/", "-"),
                               self.store, engines=engines)
        options = {"cleaner": self.story.get("cleaner", ())}
        options.update({e["engine"]: e.get("options", ()) for e in chain})
        for engine, sets in options.items():
            self.suite.sets[engine] = [s.replace("@cases", str(CASES))
                                       for s in sets]
        self.suite.start_all()
        asks = any("_dead" in what for what in self.story["in"])
        for queue, exchange, needed in (
                ("alerts", "canopsis.alerts", "alerts" in self.story),
                ("dead", "canopsis.dead", asks or "dead" in self.story)):
            if needed:
                self.amqp("bind", f"case.{queue}", exchange, "#")

    def amqp(self, *args):
        return self.suite.amqp(*args)

    def messages(self, queue):
        """What was published so far, each id once."""
        lines = self.amqp("consume", "-r", "-j", f"case.{queue}").splitlines()
        found = dict(reversed(
            [line.split("\t", 1) for line in lines]))  # the first of each
        order = dict.fromkeys(line.split("\t", 1)[0] for line in lines)
        return [json.loads(found[key]) for key in order]

    def publish(self, text, exchange, key, kind="application/json"):
        path = self.suite.dir / "message"
        path.write_text(text)
        self.amqp("publish", "-a", "-x", exchange, "-k", key, "-t", kind,
                  "-u", "hypervise", path)

    def pass_time(self, seconds):
        """Until chain time is past what was sent, and so much more."""
        until = time.time() + seconds
        for name, engine in self.suite.engines.items():
            if name != "collectdgw":  # an entry that no marks pass behind
                rig.wait_for(f"chain time of engine-{name}",
                             lambda e=engine: e.chain_s() > until,
                             rig.PATIENCE_S + seconds)

    def send_action(self, action):
        """"@1": the id of the second alarm that was ever opened."""
        action = dict(action)
        alarm = str(action.get("alarm_id", ""))
        if alarm.startswith("@"):
            opened = [m["alarm_id"] for m in self.messages("alerts")
                      if m["step"] == 1]
            action["alarm_id"] = opened[int(alarm[1:])]
        self.publish(json.dumps(action), "", "Engine_alarm.actions")

    def send_request(self, request):
        """"@1": the id of the second dead letter there was."""
        request = dict(request)
        letter = str(request.get("id", ""))
        if letter.startswith("@"):
            letters = self.messages("dead")
            request["id"] = letters[int(letter[1:])]["id"]
        self.publish(json.dumps(request), "", "Engine_dead")

    def send_event(self, event):
        event = dict(event)
        at = event.get("timestamp")
        if isinstance(at, str) and at.startswith("@"):
            event["timestamp"] = self.start_s + float(at[1:])
        self.publish(json.dumps(event), "", "Engine_cleaner")

    def change_object(self, what):
        """As it is, unchecked; and the engines are told."""
        args = [self.suite.uri, what["kind"], what["name"]]
        if "spec" in what:
            args.append(json.dumps(what["spec"]))
        rig.run(rig.TOOLS / "object_put", *args)
        self.publish("{}", "canopsis.control", what["kind"])

    def restart(self):
        self.suite.stop_all()
        self.suite.start_all()

    def kill(self):
        self.suite.kill_all()
        self.suite.start_all()

    def tell(self, what):
        if "_text" in what:
            self.publish(what["_text"], "", "Engine_cleaner")
        elif "_collectd" in what:
            self.publish(what["_collectd"], "amq.topic", "collectd",
                         "text/collectd")
        elif "_wait" in what:
            self.pass_time(what["_wait"])
        elif "_action" in what:
            self.pass_time(0)
            self.send_action(what["_action"])
        elif "_object" in what:
            self.change_object(what["_object"])
        elif "_dead" in what:
            self.pass_time(0)
            self.send_request(what["_dead"])
        elif "_restart" in what:
            self.restart()
        elif "_kill" in what:
            self.kill()
        else:
            self.send_event(what)

    def rows(self, name):
        rows = [row for _, _, row in self.suite.rows(name)]
        if name == "metrics":
            self.add_last(rows)
        return rows

    def add_last(self, metrics):
        """What a metric's newest point says, as readers of metrics show it."""
        last = {}
        for _, key, point in self.suite.rows("points"):
            n, at_ms = key.split(",")
            last[int(n)] = {"t": int(at_ms) / 1000, "value": point["v"]}
        for row in metrics:
            row["last"] = last.get(row["n"])

    def differs(self):
        for name, want in self.story.get("rows", {}).items():
            got = self.rows(name)
            found = difference(name, want, got, ordered=False)
            if found:
                return found
        for queue in ("alerts", "dead"):
            if queue in self.story:
                found = difference(queue, self.story[queue],
                                   self.messages(queue), ordered=True)
                if found:
                    return found
        return ""

    def wait_right(self):
        def is_right():
            self.found = self.differs()
            return not self.found
        try:
            rig.wait_for("the end of the story", is_right)
        except rig.Failure as failure:
            raise rig.Failure(self.found) from failure

    def run(self):
        """It comes out right, and stays so through a clean restart."""
        self.make_suite()
        for what in self.story["in"]:
            self.tell(what)
        self.pass_time(0)
        self.restart()
        self.wait_right()
        self.suite.stop_all()
        found = self.differs()
        if found:
            raise rig.Failure("after a clean stop: " + found)


def length_s(name):
    """What it waits in all."""
    story = json.loads(path_of(name).read_text())
    return sum(what.get("_wait", 0) for what in story["in"])


def names():
    return [str(path.relative_to(folder).with_suffix(""))
            for folder in FOLDERS for path in sorted(folder.glob("*/*.json"))]


def run_case(servers, name, store):
    begun = time.monotonic()
    verdict = "ok"
    case = Case(servers, name, store)
    try:
        case.run()
    except rig.Failure as failure:
        verdict = f"FAILED: {failure}"
        if case.suite:
            case.suite.kill_all()
    rig.say(f"{name} on {store}: {verdict} ({time.monotonic() - begun:.0f} s)")
    return verdict == "ok"


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", action="append",
                        choices=("sqlite", "mongodb"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser.parse_args()


def run_all(servers, chosen, stores):
    every = [(n, s) for s in stores for n in chosen
             if n.split("/")[0] not in NOT_STORIES]
    every.sort(key=lambda one: -length_s(one[0]))
    servers.start_broker()
    if "mongodb" in stores:
        servers.start_mongod()
    servers.add_vhosts(len(every))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda one: run_case(servers, *one), every))


def on_signal(number, _):
    sys.exit(128 + number)


def main():
    signal.signal(signal.SIGTERM, on_signal)
    os.environ["TZ"] = "UTC"  # the stories' local time
    options = parse_args()
    chosen = options.names or names()
    servers = rig.Rig()
    results = []
    try:
        results = run_all(servers, chosen,
                          options.store or ["sqlite", "mongodb"])
    finally:
        servers.close(False)
    for name in chosen:
        if name.split("/")[0] in NOT_STORIES:
            rig.say(f"not run: {name}: a table of filters, which has no "
                    "engine; make check runs it on every store")
    rig.say(f"{sum(results)} passed")
    return 0 if all(results) and results else 1


if __name__ == "__main__":
    sys.exit(main())
