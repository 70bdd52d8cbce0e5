# SPDX-License-Identifier: Apache-2.0
"""Programs without a broker: each engine alone on the bus in memory, each
operation of a store alone."""
import json
import os
import shutil
import subprocess

from rig import Failed

US = 1e6


class Alone:
    """Runs of one repetition, made when first asked for."""

    def __init__(self, bench):
        self.bench = bench
        self.runs = {}
        self.made = 0

    def forget(self):
        self.runs = {}

    def place(self, store):
        """A fresh store: its uri, what a program is told of its server, and
        what removes it."""
        self.made += 1
        if store == "mongodb":
            mongod = self.bench.mongod
            name = f"alone{self.made}"
            return (mongod.uri(name), mongod.pid,
                    lambda: mongod.drop(name))
        if store == "memory":
            return "memory", None, lambda: None
        folder = f"{self.bench.folder}/alone{self.made}"
        os.makedirs(folder)
        return f"sqlite:{folder}", None, lambda: shutil.rmtree(folder)

    def program(self, name, *args):
        done = subprocess.run(
            [f"{self.bench.build}/tests/bench/{name}", *args],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{name}: {done.stderr.splitlines()[-1]}")
        return json.loads(done.stdout)

    def engines(self, store, entities, events):
        key = ("engines", store, entities)
        if key not in self.runs:
            uri, pid, remove = self.place(store)
            server = ["--server", str(pid)] if pid else []
            self.runs[key] = self.program(
                "bench_engine", "--store", uri, "--entities", str(entities),
                "--events", str(events), *server)
            remove()
        return self.runs[key]

    def operations(self, store, rows):
        uri, pid, remove = self.place(store)
        result = self.program("bench_store", uri, str(rows),
                              *([str(pid)] if pid else []))
        remove()
        return result["operations"]


def cost(uses, which="event"):
    """Microseconds by engine, and of the server for all of them."""
    cpu = {n: round(u[which]["us"], 2) for n, u in uses.items()}
    server = sum(u[which]["server_us"] for u in uses.values())
    if server > 0:
        cpu["mongod"] = round(server, 2)
    return cpu


def alone(store):
    """All engines, one after the other: events a second of one processor."""
    def run(bench):
        n = bench.options.events
        uses = bench.alone.engines(store, n, n)["engines"]
        cpu = cost(uses)
        cpu["all"] = round(sum(cpu.values()), 2)
        return {"value": US / cpu["all"], "cpu_us": cpu,
                "per_s": {m: round(US / u["event"]["wall_us"])
                          for m, u in uses.items()}}
    return run


def hop(bench):
    n = bench.options.events
    engines = bench.alone.engines("memory", n, n)["engines"]
    return {"value": engines["hop"]["event"]["us"]}


def decode(bench):
    n = bench.options.events
    return {"value": bench.alone.engines("memory", n, n)["decode_us"]}


def operations(store):
    """Each operation of a store; rows appended a second."""
    def run(bench):
        done = bench.alone.operations(store, max(bench.options.events, 10000))
        return {"value": done["append"]["per_s"],
                "cpu_us": {n: round(o["us"] + o["server_us"], 2)
                           for n, o in done.items()},
                "per_s": {n: o["per_s"] for n, o in done.items()}}
    return run
