#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of the suite as ratios to the broker's own, in one run.

F        a bare librabbitmq consumer drains a filled and settled quorum queue
cleaner  engine-cleaner alone: from its filled entry queue to envelopes in
         Engine_context
chain    all engines with SQLite: until each has committed all events and
         every queue is empty
idle     PSS of each engine, started and active, with nothing to do

Brings its own RabbitMQ, in a folder that it removes at the end. The machine
is shared with whatever else runs, so read the ratios and the processor time
an event took, not the rates.
"""
import argparse
import datetime
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ENGINES = ("cleaner", "context", "alarm", "perfdata", "eventstore")
NEXT = {"cleaner": ("context", ""), "context": ("alarm", "perfdata"),
        "alarm": ("", "eventstore")}
HOSTS = 1000
CHANGED = 0.05
SETTLE_S = 2
POLL_S = 0.1
PATIENCE_S = 300
IDLE_S = 3
EVENT_BYTES = 600
TARGETS = {"cleaner": 0.4, "chain": 0.15}
IDLE_KB = 10 * 1024
TICKS = os.sysconf("SC_CLK_TCK")
STATES = ("OK", "WARNING", "MAJOR", "CRITICAL")


class Failed(Exception):
    """What is told to the person, without a trace."""


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)[1])


class Broker:
    """A RabbitMQ node of our own."""

    def __init__(self, source, build, folder):
        self.script = f"{source}/tests/support/rabbitmq.sh"
        self.ctl_program = f"{build}/tests/support/amqp_ctl"
        self.folder = folder
        self.port = subprocess.check_output(
            [f"{source}/tests/support/freeport"], text=True).split()[0]
        self.password = f"{folder}/hypervise.password"
        subprocess.check_call([self.script, "start", folder, self.port])
        self.pid = int(subprocess.check_output(
            [self.script, "pid", folder], text=True))
        self.env = dict(os.environ, HYP_TEST_AMQP_PORT=self.port,
                        HYP_TEST_AMQP_PASSWORD_FILE=self.password)

    def stop(self):
        subprocess.call([self.script, "stop", self.folder])

    def ctl(self, *args):
        done = subprocess.run([self.ctl_program, *args], env=self.env,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"amqp_ctl {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def depth(self, queue):
        return int(self.ctl("depth", queue))

    def fill(self, queue, path, events):
        self.ctl("publish", "-k", queue, "-d", "2", "-m",
                 "-t", "application/json", path)
        deadline = time.monotonic() + PATIENCE_S
        while self.depth(queue) < events:
            if time.monotonic() > deadline:
                raise Failed(f"{queue} did not fill")
            time.sleep(POLL_S)
        time.sleep(SETTLE_S)


class Events:
    """Check results of known entities, some with a new state."""

    def __init__(self, entities, output):
        self.random = random.Random(1)
        self.states = [0] * entities
        self.entities = entities
        self.output = output
        self.round = 0

    def one(self, i, now):
        if self.round > 1 and self.random.random() < CHANGED:
            self.states[i] = self.random.choice(
                [s for s in range(4) if s != self.states[i]])
        used = self.random.randrange(1000, 9999) / 100
        state = self.states[i]
        told = f"{used}% used, " if self.output == "changing" else ""
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
            "output": f"DISK {STATES[state]}: {told}"}
        short = EVENT_BYTES - len(json.dumps(event, separators=(",", ":")))
        event["output"] += "/var/lib is watched and told of here; " * 20
        event["output"] = event["output"][:short + len(f"DISK {STATES[state]}"
                                                       f": {told}")]
        return json.dumps(event, separators=(",", ":"))

    def write(self, path):
        """One event for each entity, in an order of its own."""
        self.round += 1
        order = list(range(self.entities))
        self.random.shuffle(order)
        now = int(time.time())
        with open(path, "w", encoding="ascii") as file:
            for i in order:
                file.write(self.one(i, now) + "\n")


class Engine:
    """One engine's process."""

    def __init__(self, suite, name):
        self.name = name
        self.log = f"{suite.folder}/{name}.log"
        self.status_path = f"{suite.folder}/run/engine-{name}.status"
        with open(self.log, "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(
                [f"{suite.build}/engine-{name}", "--config-dir",
                 f"{suite.folder}/etc"], stdout=log, stderr=log)
        self.pid = self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE_S) != 0:
            raise Failed(f"engine-{self.name} ended with "
                         f"{self.process.returncode}; see {self.log}")

    def metrics(self):
        if self.process.poll() is not None:
            raise Failed(f"engine-{self.name} has ended; see {self.log}")
        try:
            with open(self.status_path, encoding="utf-8") as file:
                status = json.load(file)
        except FileNotFoundError:
            return {}
        return status["metrics"] if status["pid"] == self.pid else {}

    def events(self):
        return self.metrics().get("hyp_engine_events_total", 0)

    def batches(self):
        return self.metrics().get("hyp_engine_batches_total", 0)

    def is_active(self):
        return self.metrics().get("hyp_engine_lag_ms") is not None

    def last_event_s(self):
        return self.metrics().get("hyp_engine_last_event_ms", 0) / 1e3

    def first_delivery_s(self):
        """Time at which it took over, which is at its first delivery."""
        with open(self.log, encoding="utf-8") as log:
            log.seek(self.log_from)
            found = re.findall(r"^(\S+) INFO +ENGINE-FENCE ", log.read(),
                               re.M)
        when = datetime.datetime.fromisoformat(found[0].replace("Z", "+00:00"))
        return when.timestamp()


class Suite:
    """The engines, their configuration and their stores."""

    def __init__(self, build, folder, broker):
        self.build = build
        self.folder = folder
        self.running = {}
        for part in ("etc/engines", "run", "store"):
            os.makedirs(f"{folder}/{part}")
        self.put("amqp.conf", f"[amqp]\nport = {broker.port}\n"
                              f"password_file = {broker.password}\n")
        self.put("storage.conf", f"[storage]\nuri = sqlite:{folder}/store\n")
        for name in ENGINES + ("collectdgw",):
            after, side = NEXT.get(name, ("", ""))
            self.put(f"engines/{name}.conf",
                     f"[engine]\nnext = {after}\nside = {side}\n"
                     f"[process]\nstatus_dir = {folder}/run\n")

    def put(self, name, text):
        with open(f"{self.folder}/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def start(self, *names):
        for name in names:
            self.running[name] = Engine(self, name)
        return self.running[names[0]]

    def stop(self, *names):
        """In the order given, so that each can drain into the next."""
        for name in names or [n for n in ENGINES + ("collectdgw",)
                              if n in self.running]:
            self.running.pop(name).stop()

    def kill(self):
        for engine in self.running.values():
            engine.process.kill()
            engine.process.wait()

    def wait(self, what, is_so):
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            if time.monotonic() > deadline:
                raise Failed(f"waited {PATIENCE_S} s for: {what}; see "
                             f"{self.folder}")
            time.sleep(POLL_S)

    def wait_active(self):
        for engine in self.running.values():
            if engine.name != "collectdgw":
                self.wait(f"{engine.name} is active", engine.is_active)


def measure(suite, broker, events, names):
    """Start the cleaner on its filled queue; until all of names have done
    all. Rate, and processor time an event."""
    before = {n: suite.running[n].events() for n in names if n != "cleaner"}
    batches = {n: suite.running[n].batches() for n in before}
    cpu = {n: cpu_s(suite.running[n].pid) for n in before}
    beam = cpu_s(broker.pid)
    cleaner = suite.start("cleaner")
    for name in names:
        engine = suite.running[name]
        suite.wait(f"{name} has done {events} events", lambda e=engine:
                   e.events() - before.get(e.name, 0) >= events)
    used = {n: (cpu_s(suite.running[n].pid) - cpu.get(n, 0)) * 1e6 / events
            for n in names}
    used["beam"] = (cpu_s(broker.pid) - beam) * 1e6 / events
    for queue in ["Engine_cleaner"] + [f"Engine_{n}" for n in before]:
        suite.wait(f"{queue} is empty", lambda q=queue: broker.depth(q) == 0)
    begin = cleaner.first_delivery_s()
    took = {n: round(suite.running[n].last_event_s() - begin, 2)
            for n in names}
    return {"per_s": events / max(took.values()), "took_s": took,
            "batch": {n: round(events / (suite.running[n].batches()
                                         - batches.get(n, 0)))
                      for n in names},
            "cpu_us": {n: round(v, 2) for n, v in used.items()}}


def run_bare(broker, build, events):
    out = subprocess.check_output([f"{build}/tests/bench/bench_broker",
                                   str(events), "F"], env=broker.env)
    result = json.loads(out)["F"]
    return {"per_s": result["per_s"],
            "cpu_us": {"consumer": result["client_us"]}}


def run_cleaner(suite, broker, events, path):
    broker.fill("Engine_cleaner", path, events)
    result = measure(suite, broker, events, ["cleaner"])
    suite.stop("cleaner")
    broker.ctl("purge", "Engine_context")
    return result


def run_chain(suite, broker, events, path):
    """The engines behind the cleaner are up and know what they know."""
    suite.start(*ENGINES)
    suite.wait_active()
    suite.stop("cleaner")
    broker.fill("Engine_cleaner", path, events)
    result = measure(suite, broker, events, list(ENGINES))
    suite.stop()
    return result


def run_idle(suite):
    """Each engine just started, on an empty store, all of them together."""
    suite.start(*ENGINES, "collectdgw")
    suite.wait_active()
    time.sleep(IDLE_S)
    result = {n: pss_kb(e.pid) for n, e in suite.running.items()}
    suite.stop()
    return result


def summary(runs):
    rates = [r["per_s"] for r in runs]
    names = runs[0]["cpu_us"]
    return {"per_s": statistics.median(rates), "least": min(rates),
            "most": max(rates), "runs": runs,
            "cpu_us": {n: statistics.median(r["cpu_us"][n] for r in runs)
                       for n in names}}


def add_ratios(result):
    """Each run against the F of its own repetition."""
    for name in TARGETS:
        if name in result and "F" in result:
            ratios = [r["per_s"] / f["per_s"] for r, f in
                      zip(result[name]["runs"], result["F"]["runs"])]
            result[name]["ratio"] = {"median": statistics.median(ratios),
                                     "least": min(ratios),
                                     "most": max(ratios)}


def print_rates(result):
    print(f"{'':10}{'events/s':>10}{'least':>9}{'most':>9}{'ratio':>8}"
          f"{'target':>8}  processor time, us an event")
    for name in ("F", "cleaner", "chain"):
        row = result.get(name)
        if row is None:
            continue
        ratio = row.get("ratio", {}).get("median")
        print(f"{name:10}{row['per_s']:10.0f}{row['least']:9.0f}"
              f"{row['most']:9.0f}"
              f"{'' if ratio is None else f'{ratio:.2f}':>8}"
              f"{TARGETS.get(name, ''):>8}  "
              + " ".join(f"{n} {v:.1f}" for n, v in row["cpu_us"].items()))


def print_idle(result):
    if "idle_pss_kb" in result:
        print("idle PSS, kB (target: under %d): " % IDLE_KB
              + " ".join(f"{n} {v}" for n, v in result["idle_pss_kb"].items()))


def missed(result):
    names = [n for n, least in TARGETS.items()
             if result.get(n, {}).get("ratio", {}).get("median", least) < least]
    return names + [f"idle {n}" for n, kb in
                    result.get("idle_pss_kb", {}).items() if kb >= IDLE_KB]


def run_all(options, suite, broker):
    path = f"{suite.folder}/events"
    events = Events(options.events, options.output)
    result = {"events": options.events, "bytes": EVENT_BYTES,
              "output": options.output}
    wanted = [n for n in ("F", "cleaner", "chain") if n in options.only]
    runs = {n: [] for n in wanted}
    if "idle" in options.only:
        result["idle_pss_kb"] = run_idle(suite)
    if "chain" in wanted:
        events.write(path)
        run_chain(suite, broker, options.events, path)  # known from now on
    elif "cleaner" in wanted:
        suite.start("cleaner")  # makes the queues
        suite.wait_active()
        suite.stop()
    for _ in range(options.repeat):
        for name in wanted:
            if name == "F":
                run = run_bare(broker, options.build, options.events)
            else:
                events.write(path)
                run = (run_cleaner if name == "cleaner" else run_chain)(
                    suite, broker, options.events, path)
            runs[name].append(run)
            print(f"{name}: {json.dumps(run)}", file=sys.stderr)
    result.update({n: summary(r) for n, r in runs.items()})
    add_ratios(result)
    result["missed"] = missed(result)
    return result


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--source", required=True, help="the source tree")
    parser.add_argument("--build", required=True, help="the build tree")
    parser.add_argument("--events", type=int, default=100000,
                        help="entities, and events a run (%(default)s)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="idle,F,cleaner,chain",
                        help="what to measure (%(default)s)")
    parser.add_argument("--output", choices=("steady", "changing"),
                        default="steady",
                        help="whether each check tells another output")
    parser.add_argument("--json", help="write all results to this file")
    parser.add_argument("--keep", action="store_true",
                        help="leave the folder with logs and stores")
    options = parser.parse_args()
    options.only = options.only.split(",")
    return options


def main():
    options = parse_args()
    folder = tempfile.mkdtemp(prefix="hyp-bench-")
    broker = suite = None
    try:
        os.mkdir(f"{folder}/suite")
        broker = Broker(options.source, options.build, f"{folder}/rabbitmq")
        suite = Suite(options.build, f"{folder}/suite", broker)
        result = run_all(options, suite, broker)
    except Failed as error:
        options.keep = True
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        if suite is not None:
            suite.kill()
        if broker is not None:
            broker.stop()
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    print_rates(result)
    print_idle(result)
    print("targets: " + ("all met" if not result["missed"] else
                         "missed: " + ", ".join(result["missed"])))
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
