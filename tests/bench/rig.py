# SPDX-License-Identifier: Apache-2.0
"""What the benches run on: a broker, a mongod, the suite's processes; and
what these use of the machine."""
import datetime
import json
import os
import re
import signal
import subprocess
import time

ENGINES = ("cleaner", "event-filter", "context", "alarm", "perfdata",
           "eventstore")
NEXT = {"cleaner": ("event-filter", ""), "event-filter": ("context", ""),
        "context": ("alarm", "perfdata"), "alarm": ("", "eventstore")}
WAY = ("cleaner", "event-filter", "context", "alarm")  # of engine-chain
SETTLE_S = 2
POLL_S = 0.1
PATIENCE_S = 600
# More entities than one connector should make in an hour.
MORE = {"context": "[context]\nnew_entities = 0\n"}
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """What is told to the person, without a trace."""


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)[1])


def own_kb(pid):
    """Memory that only this process has; PSS also tells who else runs."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Anonymous:\s+(\d+) kB", file.read(), re.M)[1])


def wait_for(what, is_so, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed(f"waited {patience_s} s for: {what}")
        time.sleep(POLL_S)


class Server:
    """A server of our own, by one of the scripts of tests/support."""

    def __init__(self, source, build, folder, script):
        self.script = f"{source}/tests/support/{script}"
        self.folder = folder
        self.env = dict(os.environ, HYP_BUILDDIR=os.path.abspath(build))
        self.port = subprocess.check_output(
            [f"{source}/tests/support/freeport"], text=True).split()[0]
        subprocess.check_call([self.script, "start", folder, self.port],
                              env=self.env)
        self.pid = int(self.output("pid"))

    def output(self, command, *args):
        return subprocess.check_output(
            [self.script, command, self.folder, *args], env=self.env,
            text=True).strip()

    def stop(self):
        subprocess.call([self.script, "stop", self.folder], env=self.env)


class Broker(Server):
    """A RabbitMQ node."""

    def __init__(self, source, build, folder):
        super().__init__(source, build, folder, "rabbitmq.sh")
        self.ctl_program = f"{build}/tests/support/amqp_ctl"
        self.password = f"{folder}/hypervise.password"
        self.env.update(HYP_TEST_AMQP_PORT=self.port,
                        HYP_TEST_AMQP_PASSWORD_FILE=self.password)

    def ctl(self, *args):
        done = subprocess.run([self.ctl_program, *args], env=self.env,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"amqp_ctl {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def depth(self, queue):
        return int(self.ctl("depth", queue))

    def purge(self, queue):
        """Empty it, if there is such a queue."""
        try:
            self.ctl("purge", queue)
        except Failed as error:
            if "NOT_FOUND" not in str(error):
                raise

    def wait_empty(self, queue):
        wait_for(f"{queue} is empty", lambda: self.depth(queue) == 0)

    def fill(self, queue, path, messages):
        """Until all of it is in the queue and the broker is at rest."""
        self.ctl("publish", "-k", queue, "-d", "2", "-m",
                 "-t", "application/json", path)
        wait_for(f"{queue} is filled",
                 lambda: self.depth(queue) >= messages)
        time.sleep(SETTLE_S)

    def feed(self, path):
        """Publish as a connector does, flat out; the process."""
        return subprocess.Popen(
            [self.ctl_program, "publish", "-x", "canopsis.events", "-k",
             "bench.bench1.check.resource.host.disk", "-d", "2", "-m",
             "-t", "application/json", path], env=self.env)


class Mongod(Server):
    """A replica set of one."""

    def __init__(self, source, build, folder):
        super().__init__(source, build, folder, "mongod.sh")

    def uri(self, database):
        return self.output("uri", database)

    def drop(self, database):
        subprocess.check_call(
            [f"{self.env['HYP_BUILDDIR']}/tests/support/mongo_ctl", "drop",
             f"127.0.0.1:{self.port}", database])


class Engine:
    """One engine's process, or that of several, engine-chain."""

    def __init__(self, suite, name, others=None):
        """others: one that is in the same process."""
        self.name = name
        self.status_path = f"{suite.folder}/run/engine-{name}.status"
        program = "chain" if suite.together and name in WAY else name
        self.log = f"{suite.folder}/{program}.log"
        with open(self.log, "ab") as log:
            self.log_from = log.tell()
            self.process = others.process if others else subprocess.Popen(
                [f"{suite.build}/engine-{program}", "--config-dir",
                 f"{suite.folder}/etc"], stdout=log, stderr=log)
        self.pid = self.process.pid

    def stop(self):
        if self.process.returncode == 0:
            return  # the first of its process ended them all
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
        return self.metrics().get("hypervise_engine_events_total", 0)

    def batches(self):
        return self.metrics().get("hypervise_engine_batches_total", 0)

    def is_active(self):
        return self.metrics().get("hypervise_engine_lag_seconds") is not None

    def last_event_s(self):
        return self.metrics().get(
            "hypervise_engine_last_event_time_seconds", 0)

    def first_delivery_s(self):
        """Time at which it took over, which is at its first delivery."""
        with open(self.log, encoding="utf-8") as log:
            log.seek(self.log_from)
            found = re.findall(r"^(\S+) INFO +ENGINE-FENCE ", log.read(),
                               re.M)
        when = datetime.datetime.fromisoformat(found[0].replace("Z", "+00:00"))
        return when.timestamp()


class Suite:
    """The engines, their configuration and their store."""

    def __init__(self, build, folder, broker, storage=None):
        self.build = build
        self.folder = folder
        self.broker = broker
        self.running = {}
        self.together = False  # until end(): engine-chain
        for part in ("etc/engines", "run", "store"):
            os.makedirs(f"{folder}/{part}")
        self.put("amqp.conf", f"[amqp]\nport = {broker.port}\n"
                              f"password_file = {broker.password}\n")
        self.storage = storage or f"sqlite:{folder}/store"
        self.put("storage.conf", f"[storage]\nuri = {self.storage}\n")
        self.put("engines/chain.conf",
                 f"[process]\nstatus_dir = {folder}/run\n")
        for name in ENGINES + ("collectdgw",):
            after, side = NEXT.get(name, ("", ""))
            self.put(f"engines/{name}.conf",
                     f"[engine]\nnext = {after}\nside = {side}\n"
                     f"[process]\nstatus_dir = {folder}/run\n"
                     "[self]\ninterval = 0s\n"
                     + MORE.get(name, ""))

    def put(self, name, text):
        with open(f"{self.folder}/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def start(self, *names):
        first = None
        for name in names:
            others = first if self.together and name in WAY else None
            self.running[name] = Engine(self, name, others)
            first = first or (self.running[name] if name in WAY else None)
        return self.running[names[0]]

    def stop(self, *names):
        """In the order given, so that each can drain into the next."""
        for name in names or [n for n in ENGINES + ("collectdgw",)
                              if n in self.running]:
            self.running.pop(name).stop()

    def end(self):
        """Stop all, and leave nothing in the queues to another suite."""
        self.stop()
        self.together = False
        for name in ENGINES:
            self.broker.purge(f"Engine_{name}")

    def kill(self):
        for engine in self.running.values():
            engine.process.kill()
            engine.process.wait()

    def cpu(self):
        """Processor time of each; of several in one process, under the name
        of the first."""
        first = {}
        for name, engine in self.running.items():
            first.setdefault(engine.pid, name)
        return {name: cpu_s(pid) for pid, name in first.items()}

    def wait_active(self):
        for engine in self.running.values():
            if engine.name != "collectdgw":
                wait_for(f"{engine.name} is active; see {engine.log}",
                         engine.is_active)
