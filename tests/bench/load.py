# SPDX-License-Identifier: Apache-2.0
"""The events that are fed: check results of known entities, 600 bytes and two
metrics each, some with a new state."""
import json
import random
import time

EVENT_BYTES = 600
HOSTS = 1000
CHANGED = 0.05
STATES = ("OK", "WARNING", "MAJOR", "CRITICAL")


def rules(n):
    """Rules of the event filter: names and specs. A quarter are of one host
    each and match all its events; the others match nothing."""
    for i in range(n):
        text = (f"component=host{i:04}.example.org and state>=0",
                f"output~\"device {i} has failed\"",
                f"component~\"^rack{i}-\"",
                f"infos.site=site{i} and state>1")[i % 4]
        yield f"rule-{i:04}", {"filter": text, "priority": i % 7, "actions": [
            {"type": "add_tag", "tag": f"tag{i}"},
            {"type": "set", "field": "infos.rule", "value": i}]}


class Events:
    """A round is one event for each entity, in an order of its own."""

    def __init__(self, entities, output="steady"):
        self.random = random.Random(1)
        self.states = [0] * entities
        self.before = self.states
        self.entities = entities
        self.output = output
        self.round = 0

    def one(self, i, now):
        if self.round > 1 and self.random.random() < CHANGED:
            self.states[i] = self.random.choice(
                [s for s in range(4) if s != self.states[i]])
        # Always four digits: the output fills up to EVENT_BYTES, so a shorter
        # number would change its length.
        used = (self.random.randrange(1000, 9999, 10)
                + self.random.randrange(1, 10)) / 100
        state = self.states[i]
        told = f"DISK {STATES[state]}: "
        if self.output == "changing":
            told += f"{used}% used, "
        event = {
            "connector": "bench", "connector_name": "bench1",
            "event_type": "check", "source_type": "resource",
            "component": f"host{i % HOSTS:04}.example.org",
            "resource": f"disk{i // HOSTS:03}", "timestamp": now,
            "state": state, "state_type": 1,
            "perf_data_array": [
                {"metric": "used", "value": used, "unit": "%", "warn": 80,
                 "crit": 90, "min": 0, "max": 100, "type": "GAUGE"},
                {"metric": "inodes", "value": i * 7, "unit": "",
                 "warn": 900000, "crit": 1000000, "type": "GAUGE"}],
            "output": told}
        short = EVENT_BYTES - len(json.dumps(event, separators=(",", ":")))
        told += "/var/lib is watched and told of here; " * 20
        event["output"] = told[:short + len(event["output"])]
        return json.dumps(event, separators=(",", ":"))

    def messages(self, pack):
        """The next round, in messages of `pack` events each."""
        self.round += 1
        self.before = list(self.states)
        order = list(range(self.entities))
        self.random.shuffle(order)
        now = int(time.time())
        for at in range(0, len(order), pack):
            texts = [self.one(i, now) for i in order[at:at + pack]]
            yield texts[0] if pack == 1 else "[" + ",".join(texts) + "]"

    def forget(self):
        """The round written last reached no store: its changes are still to
        come, and not on top of the next one's."""
        self.states = self.before

    def write(self, path, pack=1):
        """The next round as lines, a message each; how many."""
        n = 0
        with open(path, "w", encoding="ascii") as file:
            for message in self.messages(pack):
                file.write(message + "\n")
                n += 1
        return n
