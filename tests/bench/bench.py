#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of the suite as ratios to the broker's own, in one run.

Brings its own RabbitMQ and mongod, in a folder that it removes at the end.
The machine is shared with whatever else runs, so read the ratios and the
processor time an event took, not the rates. docs/performance.md explains the
figures. Exit code: 0 all targets met (or not measured), 1 it could not be
measured, 3 a target was missed.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from alone import Alone, alone, decode, hop, operations
from api import Web, post
from big import Big, queries, scale, start
from chain import Fed
from load import EVENT_BYTES, Events, rules
from report import Figure, Machine, print_table, versions
from rig import Broker, ENGINES, Failed, Mongod, Suite, pss_kb
from steady import LATENCY_S, latency, soak

IDLE_S = 3
PACK = 50
RULES = 1000
KB = 1024
QUERY_MS = 250
EXIT_FAILED = 1
EXIT_MISSED = 3


class Bench:
    """What all figures share; servers start when a figure needs them."""

    def __init__(self, options, folder):
        self.options = options
        self.build = options.build
        self.source = options.source
        self.folder = folder
        self.broker = Broker(self.source, self.build, f"{folder}/rabbitmq")
        self.mongod_server = None
        self.fed = {}
        self.alone = Alone(self)
        self.bigs = {}
        self.empty = {}
        self.capacity = None

    @property
    def mongod(self):
        if self.mongod_server is None:
            self.mongod_server = Mongod(self.source, self.build,
                                        f"{self.folder}/mongod")
        return self.mongod_server

    def folder_of(self, name):
        """A new folder."""
        return tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder)

    def new_events(self):
        return Events(self.options.events, self.options.output)

    def suite(self, store):
        """The fed suite on a kind of store."""
        if store not in self.fed:
            uri = self.mongod.uri("bench") if store == "mongodb" else None
            self.fed[store] = Fed(self, f"suite-{store}", uri)
        return self.fed[store]

    def big(self, store):
        """The filled store, made once."""
        if store not in self.bigs:
            self.bigs[store] = Big(self, store)
        return self.bigs[store]

    def empty_kb(self):
        """PSS by engine on an empty store, all just started: measured once."""
        if not self.empty:
            suite = Suite(self.build, self.folder_of("empty"), self.broker)
            suite.start(*ENGINES, "collectdgw")
            suite.wait_active()
            time.sleep(IDLE_S)
            self.empty = {n: pss_kb(e.pid) for n, e in suite.running.items()}
            suite.end()
        return self.empty

    def end(self):
        for fed in self.fed.values():
            fed.kill()
        if self.mongod_server is not None:
            self.mongod_server.stop()
        self.broker.stop()


def bare(which):
    def run(bench):
        out = subprocess.check_output(
            [f"{bench.build}/tests/bench/bench_broker",
             str(bench.options.events), which], env=bench.broker.env)
        result = json.loads(out)[which]
        return {"value": result["per_s"],
                "cpu_us": {"client": result["client_us"]}}
    return run


def cleaner(bench):
    return bench.suite("sqlite").cleaner()


def drained(store, pack, together=False):
    def run(bench):
        fed = bench.suite(store)
        fed.learn()
        return fed.drain(pack, together)
    return run


def ruled(bench):
    """The chain with rules of the event filter, in a suite of its own."""
    if "ruled" not in bench.fed:
        fed = bench.fed["ruled"] = Fed(bench, "suite-ruled")
        web = Web(bench, fed.suite)
        for name, spec in rules(RULES):
            web.put(f"objects/eventfilter/{name}", {"spec": spec})
        web.stop()
    fed = bench.fed["ruled"]
    fed.learn()
    return fed.drain(1)


def live(store, pack, together=False):
    def run(bench):
        fed = bench.suite(store)
        fed.learn()
        result = fed.live(pack, together)
        if store == "sqlite" and not together:
            bench.capacity = result["value"]
        return result
    return run


def posted(pack):
    return lambda bench: post(bench, pack)


def idle(bench):
    """What an engine takes with nothing stored and nothing to do; what it
    takes beside for each entity and alarm, the starts tell."""
    bench.empty = {}
    kb = bench.empty_kb()
    return {"value": max(kb.values()), "pss_kb": kb}


FIGURES = (
    Figure("idle", idle, "PSS of the largest engine with nothing stored and nothing "
           "to do",
           unit="kB", most=10 * 1024),
    Figure("F", bare("F"), "a bare consumer drains a filled, settled queue"),
    Figure("L", bare("L"), "bare publishing with confirms, and consuming"),
    Figure("P", bare("P"), "bare publishing with confirms, nothing consumes",
           against="F"),
    Figure("F-50", bare("F-50"), "F with 50 events a message", against="F"),
    Figure("L-50", bare("L-50"), "L with 50 events a message", against="L"),
    Figure("P-50", bare("P-50"), "P with 50 events a message", against="P"),
    Figure("cleaner", cleaner, "engine-cleaner alone, from its filled queue",
           against="F", target=0.4),
    Figure("chain", drained("sqlite", 1),
           "all engines on SQLite, from a filled queue of single events",
           against="F", target=0.3),
    Figure("chain-rules", ruled,
           f"chain with {RULES:,} rules of the event filter, half of them "
           "regular expressions; a quarter of the events are changed",
           against="chain", target=0.5),
    Figure("chain-50", drained("sqlite", PACK),
           "the same with 50 events a message", against="F", target=0.8),
    Figure("live", live("sqlite", 1),
           "all engines on SQLite while a publisher sends flat out",
           against="L", target=0.6),
    Figure("chain-one", drained("sqlite", 1, together=True),
           "chain with engine-chain", against="F"),
    Figure("live-one", live("sqlite", 1, together=True),
           "live with engine-chain", against="L"),
    Figure("mongodb", drained("mongodb", 1),
           "all engines on MongoDB, from a filled queue of single events",
           against="F", target=0.1),
    Figure("mongodb-50", drained("mongodb", PACK),
           "the same with 50 events a message", against="F", target=0.3),
    Figure("mongodb-live", live("mongodb", 1),
           "all engines on MongoDB while a publisher sends flat out",
           against="L"),
    Figure("post", posted(1),
           "POST /events of one event, answered after the broker's confirm, "
           "on 64 keep-alive connections", against="L", target=0.25),
    Figure("post-50", posted(PACK), "the same with 50 events a request",
           against="L", target=1),
    Figure("latency", latency(rate=1000),
           "from sending a change to its alarm's change on the bus, at 1,000 "
           "events/s", unit="ms", most=5, also={"p99_ms": 20,
                                                "p999_ms": None}),
    Figure("latency-one", latency(rate=1000, together=True),
           "the same with engine-chain", unit="ms", most=5,
           also={"p99_ms": 20, "p999_ms": None}),
    Figure("latency-10", latency(share=0.1), "the same at 10 % of live",
           unit="ms", also={"p99_ms": None, "p999_ms": None}),
    Figure("latency-50", latency(share=0.5), "the same at 50 % of live",
           unit="ms", most=10, also={"p99_ms": 50, "p999_ms": None}),
    Figure("latency-80", latency(share=0.8), "the same at 80 % of live",
           unit="ms", also={"p99_ms": None, "p999_ms": None}),
    Figure("alone", alone("memory"),
           "all engines one after the other, bus and store in memory; a "
           "second of one processor", against="F"),
    Figure("alone-sqlite", alone("sqlite"), "the same on SQLite",
           against="F"),
    Figure("alone-mongodb", alone("mongodb"),
           "the same on MongoDB, mongod's processor time with it",
           against="F"),
    Figure("hop", hop, "an engine that only passes on, both in memory",
           unit="us", most=3),
    Figure("decode", decode, "an event from its JSON", unit="us", most=2),
    Figure("store-sqlite", operations("sqlite"),
           "rows appended, 1,000 a commit; each operation alone",
           against="F"),
    Figure("store-mongodb", operations("mongodb"), "the same on MongoDB",
           against="F"),
)
# By name or with --long: minutes each.
LONG = (
    Figure("scale", scale, "what an event costs with many entities (-> 1,000)",
           unit="times", most=1.33),
    Figure("start-sqlite", start("sqlite"),
           "engine-alarm with many open alarms, until it works",
           unit="s", also={"alarm_bytes": KB, "context_bytes": None,
                           "eventstore_bytes": None}),
    Figure("start-mongodb", start("mongodb"), "the same on MongoDB",
           unit="s", also={"alarm_bytes": KB, "context_bytes": None,
                           "eventstore_bytes": None}),
    Figure("queries-sqlite", queries("sqlite"),
           "the slowest list or count of many that an index leads to",
           unit="ms", most=QUERY_MS, also={"slowest_scan_ms": QUERY_MS}),
    Figure("queries-mongodb", queries("mongodb"), "the same on MongoDB",
           unit="ms", most=QUERY_MS, also={"slowest_scan_ms": QUERY_MS}),
)
SOAK = (
    Figure("soak", soak, "growth of an engine's memory at 1,000 events/s, "
           "the last quarter of the time over the second", unit="%", most=2,
           also={"p99_ms": None}),
)
ALL = FIGURES + LONG + SOAK


def measure(bench, figures):
    runs = {f.name: [] for f in figures}
    for _ in range(bench.options.repeat):
        bench.alone.forget()
        bench.capacity = None
        for figure in figures:
            begin = time.monotonic()
            run = figure.run(bench)
            run["run_s"] = round(time.monotonic() - begin, 1)
            runs[figure.name].append(run)
            print(f"{figure.name}: {json.dumps(run)}", file=sys.stderr)
    return {f.name: f.summary(runs[f.name], runs) for f in figures}


def names_with(rows, met):
    return [n for n, row in rows.items()
            if "target" in row and row["met"] is met]

QUICK = {"events": 5000, "repeat": 1, "alarms": 10000, "log_rows": 50000,
         "entities_many": 20000, "latency_s": 5, "soak_minutes": 0.5}


def parse_args():
    known = "\n".join(f"  {f.name:16}{f.text}" for f in ALL)
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"figures:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="the source tree")
    parser.add_argument("--build", required=True, help="the build tree")
    parser.add_argument("--events", type=int, default=100000,
                        help="entities, and events a run (%(default)s)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", help="figures, separated by commas")
    parser.add_argument("--long", action="store_true",
                        help="the figures that take minutes each")
    parser.add_argument("--quick", action="store_true",
                        help="small and once, to see that it runs: its "
                        "figures say nothing, and none is missed")
    parser.add_argument("--alarms", type=int, default=1000000,
                        help="open alarms of start and queries")
    parser.add_argument("--log-rows", type=int, default=5000000,
                        help="rows of the log of queries")
    parser.add_argument("--latency-s", type=int, default=LATENCY_S,
                        help="seconds of each run of latency")
    parser.add_argument("--soak-minutes", type=float, default=20)
    parser.add_argument("--entities-many", type=int, default=1000000,
                        help="entities of scale")
    parser.add_argument("--output", choices=("steady", "changing"),
                        default="steady",
                        help="whether each check tells another output")
    parser.add_argument("--json", help="write all results to this file")
    parser.add_argument("--keep", action="store_true",
                        help="leave the folder with logs and stores")
    options = parser.parse_args()
    if options.quick:
        options.__dict__.update(QUICK)
    names = [f.name for f in ALL]
    options.only = options.only.split(",") if options.only else [
        f.name for f in (LONG if options.long else FIGURES)]
    for name in options.only:
        if name not in names:
            parser.error(f"--only: \"{name}\": expected some of "
                         f"{', '.join(names)}")
    return options


def run_all(options, folder):
    bench = Bench(options, folder)
    machine = Machine()
    figures = [f for f in ALL if f.name in options.only]
    try:
        rows = measure(bench, figures)
    finally:
        bench.end()
    return {"events": options.events, "bytes": EVENT_BYTES,
            "output": options.output, "repeat": options.repeat,
            "figures": rows, "versions": versions(),
            "conditions": machine.conditions(),
            "missed": names_with(rows, False),
            "unmeasured": names_with(rows, None)
            + [f.name for f in (LONG if options.long else FIGURES)
               if f.name not in rows]}


def tell(result):
    print_table([f for f in ALL if f.name in result["figures"]],
                result["figures"], sys.stdout)
    print("versions: " + ", ".join(
        f"{k} {v}" for k, v in result["versions"].items()))
    print("conditions: " + ", ".join(
        f"{k} {v}" for k, v in result["conditions"].items()))
    print("targets missed: " + (", ".join(result["missed"]) or "none"))
    if result["unmeasured"]:
        print("not measured, or not against its yardstick: "
              + ", ".join(result["unmeasured"]))


def end_in_order(*_):
    raise Failed("ended by a signal")


def main():
    options = parse_args()
    signal.signal(signal.SIGTERM, end_in_order)
    folder = tempfile.mkdtemp(prefix="hyp-bench-")
    try:
        result = run_all(options, folder)
    except (Failed, subprocess.CalledProcessError) as error:
        options.keep = True
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    tell(result)
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return EXIT_MISSED if result["missed"] and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
