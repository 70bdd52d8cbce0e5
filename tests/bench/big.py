# SPDX-License-Identifier: Apache-2.0
"""What grows with what is stored: starts and memory with many open alarms,
queries of the API, and the cost of an event with many entities."""
import json
import statistics
import time
import urllib.parse

from api import Web
from load import Events
from rig import Failed, Suite, cpu_s, pss_kb, wait_for

KB = 1024
CHANGED_STATE = 2
CHAIN = ("cleaner", "event-filter", "context", "alarm", "eventstore")
STARTED = ("context", "alarm", "eventstore")
TURNS = 5
ENTITY = "/resource/bench/bench1/host0007.example.org/disk003"
FIND_DISK = urllib.parse.quote(json.dumps({"resource": "disk003"}))
FIND_HOST = urllib.parse.quote(json.dumps(
    {"component": "host0007.example.org"}))
FIND_STATE = urllib.parse.quote(json.dumps({"state": {"$gte": 2}}))

# Name, path, and whether an index leads to it; the others look at many rows.
QUERIES = (
    ("alarms", "alarms", True),
    ("alarms_by_state", "alarms?sort=-state", True),
    ("alarms_of_host", f"alarms?filter={FIND_HOST}", True),
    ("alarms_critical", f"alarms?filter={FIND_STATE}", True),
    ("alarms_1000", "alarms?limit=1000", True),
    ("entities", "entities", True),
    ("entities_of_host", f"entities?filter={FIND_HOST}", True),
    ("last_checks", "events", True),
    ("log", "events/log", True),
    ("log_hour", "events/log?from=-1h&order=asc", True),
    ("log_of_entity", "events/log?entity=" + urllib.parse.quote(ENTITY), True),
    ("alarms_no_index", f"alarms?filter={FIND_DISK}", False),
    ("alarms_search", "alarms?search=nothing+like+it", False),
    ("log_search", "events/log?search=nothing+like+it", False),
)


class Big:
    """A store of so many open alarms and log rows, filled by the real engines
    on the bus in memory."""

    def __init__(self, bench, store):
        self.bench = bench
        self.alarms = bench.options.alarms
        self.log_rows = bench.options.log_rows
        uri = bench.mongod.uri("big") if store == "mongodb" else None
        self.suite = Suite(bench.build, bench.folder_of(f"big-{store}"),
                           bench.broker, uri)
        begin = time.monotonic()
        self.fill("cleaner,context,alarm,eventstore", 0,
                  "--state", str(CHANGED_STATE))
        more = self.log_rows - 2 * self.alarms
        if more >= 0:
            self.fill("cleaner,eventstore", more,
                      "--set", "eventstore.log_every_check=yes")
        self.fill_s = round(time.monotonic() - begin, 1)

    def fill(self, engines, events, *more):
        self.bench.alone.program(
            "bench_engine", "--store", self.suite.storage, "--engines",
            engines, "--entities", str(self.alarms), "--events", str(events),
            *more)

    def touch(self, *names):
        """One event through all; it is done when these have done it."""
        path = f"{self.suite.folder}/event"
        Events(1).write(path)
        before = {n: self.suite.running[n].events() for n in names}
        if self.bench.broker.feed(path).wait() != 0:
            raise Failed("the broker did not take an event")
        for name in names:
            engine = self.suite.running[name]
            wait_for(f"{name} has done an event; see {engine.log}",
                     lambda e=engine: e.events() > before[e.name])

    def start(self):
        """Seconds until an event has passed all: each loads what it knows
        when the first one reaches it."""
        begin = time.monotonic()
        self.suite.start(*CHAIN)
        self.suite.wait_active()
        self.touch(*CHAIN)
        return round(time.monotonic() - begin, 2)

    def started(self, name):
        """The engine anew, the others up: seconds until it has done an event,
        processor time, memory."""
        self.suite.stop(name)
        begin = time.monotonic()
        engine = self.suite.start(name)
        self.touch(name)
        return {"active_s": round(time.monotonic() - begin, 2),
                "cpu_s": cpu_s(engine.pid), "pss_kb": pss_kb(engine.pid)}


def start(store):
    """Seconds from the start of engine-alarm until it works, and what it
    keeps of each alarm; the same of the others that load what they know."""
    def run(bench):
        big = bench.big(store)
        chain_s = big.start()
        done = {n: big.started(n) for n in STARTED}
        big.suite.end()
        empty = {n: bench.empty_kb()[n] for n in STARTED}
        bytes_each = {n: (done[n]["pss_kb"] - empty[n]) * KB / big.alarms
                      for n in STARTED}
        return {"value": done["alarm"]["active_s"], "chain_s": chain_s,
                "fill_s": big.fill_s,
                "started": done, "empty_kb": empty,
                **{f"{n}_bytes": round(b) for n, b in bytes_each.items()}}
    return run


def query_ms(web, path):
    took = []
    for _ in range(TURNS):
        begin = time.monotonic()
        web.get(path)
        took.append((time.monotonic() - begin) * 1e3)
    return round(statistics.median(took), 2)


def queries(store):
    """Milliseconds of the slowest query that an index leads to."""
    def run(bench):
        big = bench.big(store)
        web = Web(bench, big.suite)
        try:
            ms = {n: query_ms(web, path) for n, path, _ in QUERIES}
        finally:
            web.stop()
        return {"value": max(ms[n] for n, _, indexed in QUERIES if indexed),
                "slowest_scan_ms": max(
                    ms[n] for n, _, indexed in QUERIES if not indexed),
                "ms": ms}
    return run


def scale(bench):
    """What an event costs with the many entities, as a share of what it costs
    with 1,000; every engine on SQLite."""
    options = bench.options
    few, many = (
        {n: u["event"]["us"] for n, u in bench.alone.engines(
            "sqlite", entities, options.events)["engines"].items()}
        for entities in (1000, options.entities_many))
    return {"value": sum(many.values()) / sum(few.values()),
            "cpu_us": {n: round(us, 2) for n, us in many.items()},
            "few_us": few,
            "ratios": {n: round(many[n] / few[n], 2) for n in few}}
