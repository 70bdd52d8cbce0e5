# SPDX-License-Identifier: Apache-2.0
"""Events for the chain, from a seed, and what must come of them."""
import json
import random

EXCHANGE = "canopsis.events"
COLLECTD = ("amq.topic", "collectd")

N_ENTITIES = 100
TICK_MS = 10
LAST_COMPONENT = "last"
LAST_HOST = "lasthost"
LAST_COLLECTD = f"/resource/collectd/collectd2event/{LAST_HOST}/load"
COLLECTD_HOSTS = 5
COLLECTD_SHARE = 0.08
ACTIONS = [("ack", {"author": "ann", "output": "looking"}),
           ("ackremove", {"author": "ann", "output": "not me"}),
           ("comment", {"author": "bob", "output": "seen before"}),
           ("assocticket", {"author": "bob", "ticket": "T-17",
                            "output": "ordered"}),
           ("cancel", {"author": "cyd", "output": "known"}),
           ("uncancel", {"author": "cyd", "output": "was real"})]


class Story:
    """n events of N_ENTITIES resources; state changes at share `changes`."""

    def __init__(self, seed, n, begin_ms, changes=0.12, connector="story",
                 collectd_share=COLLECTD_SHARE):
        self.connector = connector
        self.last_entity = f"/resource/{connector}/one/{LAST_COMPONENT}/" \
            "service0"
        self.collectd_share = collectd_share
        self.random = random.Random(seed)
        self.n = n
        self.begin_ms = begin_ms
        self.changes = changes
        self.states = [0] * N_ENTITIES
        self.points = {}  # (entity, metric, ms): value
        self.n_checks = 0
        self.n_state_changes = 0
        self.n_logged = 0
        self.n_collectd = 0  # values that collectd sent
        self.messages = list(self.make_messages())

    def names(self, entity):
        return {"connector": self.connector, "connector_name": "one",
                "component": f"host{entity % 10}",
                "resource": f"service{entity}", "source_type": "resource"}

    def make_check(self, i, entity):
        if self.random.random() < self.changes:
            others = [s for s in range(4) if s != self.states[entity]]
            self.states[entity] = self.random.choice(others)
            self.n_state_changes += 1
            self.n_logged += 1
        ms = self.begin_ms + i * TICK_MS
        load, used = i / 4, self.random.randrange(1000)
        self.points[entity, "load", ms] = load
        self.points[entity, "used", ms] = used
        self.points[entity, "cps_state", ms] = self.states[entity]
        self.n_checks += 1
        return dict(self.names(entity), event_type="check",
                    timestamp=ms / 1000, state=self.states[entity],
                    output=f"event {i}",
                    perf_data=f"load={load};2;3;0 used={used}MB")

    def make_event(self, i):
        entity = self.random.randrange(N_ENTITIES)
        die = self.random.random()
        if die < 0.94:
            return self.make_check(i, entity)
        event = dict(self.names(entity),
                     timestamp=(self.begin_ms + i * TICK_MS) / 1000)
        self.n_logged += 1
        if die < 0.96:
            return dict(event, event_type="log", output=f"log line {i}")
        kind, more = self.random.choice(ACTIONS)
        return dict(event, event_type=kind, **more)

    def make_putval(self, i):
        """What collectd's amqp plugin sends; each time its own second."""
        host = f"collectd{self.random.randrange(COLLECTD_HOSTS)}"
        self.n_collectd += 3
        at = self.begin_ms // 1000 - i
        return f"PUTVAL {host}/load/load interval=10 {at}:{i}:2:{i / 4}"

    def make_messages(self):
        """Single events, now and then an array of them, or of collectd."""
        i = 0
        while i < self.n:
            if self.random.random() < self.collectd_share:
                yield self.make_putval(i)
            size = 1
            if self.random.random() < 0.05:
                size = min(self.random.randrange(2, 30), self.n - i)
            events = [self.make_event(i + k) for k in range(size)]
            i += size
            yield events[0] if size == 1 else events
        if self.collectd_share > 0:
            yield f"PUTVAL {LAST_HOST}/load/load " \
                f"{self.begin_ms // 1000}:1:2:3"
            self.n_collectd += 3
        yield self.last_event()

    def last_event(self):
        """When everything has come of it, all before it has been seen."""
        self.n_logged += 1
        ms = self.begin_ms + self.n * TICK_MS
        return dict(self.names(0), component=LAST_COMPONENT,
                    event_type="check", timestamp=ms / 1000,
                    state=3, output="the end", perf_data="end=1")

    def write(self, path, exchange=EXCHANGE):
        with path.open("w") as file:
            for message in self.messages:
                way = (exchange, f"{self.connector}.one.event")
                text = message
                if isinstance(message, str):
                    way = COLLECTD
                else:
                    text = json.dumps(message)
                file.write("\t".join(way + (text,)) + "\n")
