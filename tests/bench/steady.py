# SPDX-License-Identifier: Apache-2.0
"""The suite under a steady load of `hyp bench`: latency, and a soak."""
import json
import os
import statistics
import subprocess
import time

from rig import ENGINES, Failed, cpu_s, own_kb

CPU_US = 1e6
COMPONENTS = 100
RESOURCES = 10
LATENCY_S = 30
SOAK_RATE = 1000
SOAK_SAMPLES = 40
EXIT_PARTLY = 4


class Steady:
    """The engines on SQLite while `hyp bench` sends over the bus."""

    def __init__(self, bench):
        self.bench = bench
        self.fed = bench.suite("sqlite")
        self.suite = self.fed.suite

    def start(self):
        self.suite.start(*ENGINES)
        self.suite.wait_active()

    def load(self, rate, seconds, batch=1):
        return subprocess.Popen(
            [f"{self.bench.build}/cli/hyp", "bench", "--amqp", "--config-dir",
             f"{self.suite.folder}/etc", "--rate", str(rate), "--for",
             f"{seconds}s", "--components", str(COMPONENTS), "--resources",
             str(RESOURCES), "--batch", str(batch), "-o", "json"],
            stdout=subprocess.PIPE, text=True)

    def result(self, process):
        out = process.communicate()[0]
        if process.returncode not in (0, EXIT_PARTLY):
            raise Failed(f"hyp bench ended with {process.returncode}")
        result = json.loads(out)
        if result["refused"] or result["unanswered"] or \
                not result["latency_ms"]:
            raise Failed(f"hyp bench: {result}")
        return result

    def known(self):
        """Two rounds of all that it sends, as fast as it goes."""
        events = 2 * COMPONENTS * RESOURCES
        self.result(self.load(events, 2))

    def cpu(self):
        return {**self.suite.cpu(), "beam": cpu_s(self.bench.broker.pid)}


def capacity(bench):
    """Events a second of all engines on SQLite while they are published."""
    if bench.capacity is None:
        fed = bench.suite("sqlite")
        fed.learn()
        bench.capacity = fed.live(1)["value"]
    return bench.capacity


def latency(share=None, rate=None, together=False):
    """From sending a change to its alarm's change on the bus: p50 in ms.
    together: the way of the checks in one process."""
    def run(bench):
        steady = Steady(bench)
        steady.fed.learn()
        at = rate or max(1, round(capacity(bench) * share))
        steady.suite.together = together
        steady.start()
        try:
            steady.known()
            before = steady.cpu()
            seconds = bench.options.latency_s
            result = steady.result(steady.load(at, seconds))
            cpu = {n: s - before[n] for n, s in steady.cpu().items()}
        finally:
            steady.suite.end()
        cpu["all"] = sum(cpu.values())
        took = result["latency_ms"]
        return {"value": took["p50"], "p99_ms": took["p99"],
                "p999_ms": took["p999"], "max_ms": took["max"],
                "rate": at, "per_second": result["per_second"],
                "changes": result["answered"],
                "load": os.getloadavg()[0],
                "cpu_us": {n: s * CPU_US / result["sent"]
                           for n, s in cpu.items()}}
    return run


def sample(steady, begin):
    kb = {n: own_kb(e.pid) for n, e in steady.suite.running.items()}
    return {"s": round(time.monotonic() - begin), "kb": kb}


def growth(samples, name):
    """Of the last quarter over the second one, in percent."""
    quarter = len(samples) // 4
    second, last = (
        statistics.median(s["kb"][name] for s in part)
        for part in (samples[quarter:2 * quarter], samples[-quarter:]))
    return 100 * (last - second) / second


def soak(bench):
    """Memory over a long time; the largest growth of an engine."""
    seconds = round(bench.options.soak_minutes * 60)
    steady = Steady(bench)
    steady.start()
    try:
        steady.known()
        begin = time.monotonic()
        process = steady.load(SOAK_RATE, seconds)
        samples = []
        while process.poll() is None:
            samples.append(sample(steady, begin))
            time.sleep(min(seconds / SOAK_SAMPLES, 30))
        result = steady.result(process)
    finally:
        steady.suite.end()
    grown = {n: round(growth(samples, n), 2) for n in ENGINES}
    return {"value": max(grown.values()), "grown_percent": grown,
            "p99_ms": result["latency_ms"]["p99"], "bench": result,
            "samples": samples}
