# SPDX-License-Identifier: Apache-2.0
"""Events for the chain, made from a seed. What must come of them: oracle.py."""
import json
import random

EXCHANGE = "canopsis.events"
COLLECTD = ("amq.topic", "collectd")

N_HOSTS = 10
N_ENTITIES = 110
TICK_MS = 10
LAST_COMPONENT = "last"
LAST_HOST = "lasthost"
LAST_COLLECTD = f"/resource/collectd/collectd2event/{LAST_HOST}/load"
COLLECTD_HOSTS = 5
COLLECTD_SHARE = 0.08
FAR_S = 30 * 86400  # a snooze that no run outlives
ACTIONS = [("ack", {"author": "ann", "output": "looking"}),
           ("ack", {"author": "ann", "output": "with", "ticket": "T-18"}),
           ("ackremove", {"author": "ann", "output": "not me"}),
           ("comment", {"author": "bob", "output": "seen before"}),
           ("comment", {"author": "bob"}),
           ("assocticket", {"author": "bob", "ticket": "T-17",
                            "output": "ordered"}),
           ("cancel", {"author": "cyd", "output": "known"}),
           ("uncancel", {"author": "cyd", "output": "was real"}),
           ("snooze", {"author": "dan", "output": "later",
                       "duration": FAR_S}),
           ("unsnooze", {"author": "dan", "output": "now"}),
           ("changestate", {"author": "eve", "output": "I know better"}),
           ("changestate", {"author": "eve", "keep_state": False})]
# Each wrong in one way; the field that the dead letter must name.
WRONG = [("state", {"state": 9}), ("state", {"state": None}),
         ("event_type", {"event_type": "nonsense"}),
         ("component", {"component": None}),
         ("connector", {"connector": ""})]
# Of each entity: the shares of what it is sent.
SHARES = (("check", 0.89), ("perf", 0.02), ("log", 0.02), ("action", 0.06),
          ("wrong", 0.01))


class Story:
    """n events of N_ENTITIES, the last N_HOSTS of them components; the state
    changes at share `changes`. messages: objects, arrays of them, texts."""

    def __init__(self, seed, n, begin_ms, changes=0.12, connector="story",
                 collectd_share=COLLECTD_SHARE):
        self.connector = connector
        self.cleaner = "cleaner"  # the process that takes it in
        self.last_entity = f"/resource/{connector}/one/{LAST_COMPONENT}/" \
            "service0"
        self.collectd_share = collectd_share
        self.seed = seed
        self.random = random.Random(seed)
        self.n = n
        self.begin_ms = begin_ms
        self.changes = changes
        self.states = [0] * N_ENTITIES
        self.counters = [0] * N_ENTITIES
        self.messages = list(self.make_messages())

    def names(self, entity):
        names = {"connector": self.connector, "connector_name": "one",
                 "component": f"host{entity % N_HOSTS}"}
        if entity < N_ENTITIES - N_HOSTS:
            names.update(resource=f"service{entity}", source_type="resource")
        return names

    def check(self, i, entity):
        if self.random.random() < self.changes:
            others = [s for s in range(4) if s != self.states[entity]]
            self.states[entity] = self.random.choice(others)
        event = {"event_type": "check", "state": self.states[entity],
                 "output": f"event {i}",
                 "perf_data": f"load={i / 4};2;3;0 "
                              f"used={self.random.randrange(1000)}MB"}
        if entity % 7 == 0:
            event["tags"] = ["seventh"]
        if entity % 5 == 0:
            event["infos"] = {"zone": f"z{entity % 3}", "at": i}
        if self.random.random() < 0.04:
            event["state_type"] = 0
        return event

    def perf(self, i, entity):
        self.counters[entity] += i
        return {"event_type": "perf", "perf_data":
                f"bytes={self.counters[entity]}c"}

    def log(self, i, _):
        kind = self.random.choice(("log", "trap", "user"))
        return {"event_type": kind, "output": f"log line {i}"}

    def action(self, _, __):
        kind, more = self.random.choice(ACTIONS)
        event = dict(more, event_type=kind)
        if kind == "changestate":
            event["state"] = self.random.randrange(4)
        return event

    def wrong(self, i, entity):
        _, more = self.random.choice(WRONG)
        return dict(self.check(i, entity), **more)

    def make_event(self, i):
        entity = self.random.randrange(N_ENTITIES)
        die = self.random.random()
        for kind, share in SHARES:
            die -= share
            if die < 0:
                break
        made = getattr(self, kind)(i, entity)
        ms = self.begin_ms + i * TICK_MS
        return {**self.names(entity), "timestamp": ms / 1000, **made}

    def putval(self, i):
        """What collectd's amqp plugin sends; each time its own second."""
        host = f"collectd{self.random.randrange(COLLECTD_HOSTS)}"
        at = self.begin_ms // 1000 - i
        return f"PUTVAL {host}/load/load interval=10 {at}:{i}:2:{i / 4}"

    def make_messages(self):
        """Single events, now and then an array of them, or of collectd, or
        what is no event at all."""
        i = 0
        while i < self.n:
            if self.random.random() < self.collectd_share:
                yield self.putval(i)
            if self.random.random() < 0.002:
                yield f"{{no event {i}"
            size = 1
            if self.random.random() < 0.05:
                size = min(self.random.randrange(2, 30), self.n - i)
            events = [self.make_event(i + k) for k in range(size)]
            i += size
            yield events[0] if size == 1 else events
        if self.collectd_share > 0:
            yield f"PUTVAL {LAST_HOST}/load/load " \
                f"{self.begin_ms // 1000}:1:2:3"
        yield self.last_event()

    def last_event(self):
        """When everything has come of it, all before it has been seen."""
        ms = self.begin_ms + self.n * TICK_MS
        return {**self.names(0), "component": LAST_COMPONENT,
                "event_type": "check", "timestamp": ms / 1000,
                "state": 3, "output": "the end", "perf_data": "end=1"}

    def write(self, path, exchange=EXCHANGE):
        with path.open("w") as file:
            for message in self.messages:
                way = (exchange, f"{self.connector}.one.event")
                text = message
                if not isinstance(message, str):
                    text = json.dumps(message)
                elif message.startswith("PUTVAL"):
                    way = COLLECTD
                file.write("\t".join(way + (text,)) + "\n")
