# SPDX-License-Identifier: Apache-2.0
"""Real servers and the built engines, for tests that kill them.

A Rig holds a RabbitMQ and, when asked for, a mongod. A Suite is one set of
engines on it with a store of its own. Everything is on loopback, in one
temporary folder, and ended by process id."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import clock
import disk
import network

SOURCE = pathlib.Path(os.environ.get(
    "HYP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("HYP_BUILDDIR", SOURCE / "build"))
SUPPORT = SOURCE / "tests" / "support"
TOOLS = BUILD / "tests" / "support"
PATIENCE_S = 120
NO_MARKS = "collectdgw"  # what it passes on goes through an entry again
POLL_S = 0.05
# RabbitMQ writes its directory of quorum queues with a delay of 3 s. Killed
# before, it loses queues that were new, so no test may do that.
SETTLE_S = 5
# For an engine that was killed: what its last life left open in a database
# (a transaction) must not hold up the next.
RESTART_S = 30
EXIT_FENCED = 3
ANSWER_S = 15
VHOSTS_AT_ONCE = 10
STORE_MIB, BROKER_MIB, MONGOD_MIB = 1024, 2048, 2048
# The least there is: a stalled process counts as lost after two or three.
HEARTBEAT_S = 5


class Failure(Exception):
    """What a test found."""


def say(text):
    print(text, flush=True)


def wait_for(what, check, patience_s=PATIENCE_S):
    """Poll until check() gives something true, and return it."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(POLL_S)
    raise Failure(f"not within {patience_s} s: {what}")


def run(*args, **more):
    """Run a program; return what it prints."""
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=False, text=True,
                          **more)
    if done.returncode != 0:
        raise Failure(f"{args[0]}: exit status {done.returncode}: "
                      f"{done.stdout[-2000:]}")
    return done.stdout


def free_ports(count):
    return [int(p) for p in run(SUPPORT / "freeport", count).split()]


def read_engines():
    """Name, next and side of each engine, from the suite's own list."""
    engines = {}
    for line in (SOURCE / "engines" / "engines.list").read_text().split("\n"):
        if line and not line.startswith("#"):
            name, after, side = (line.split() + ["-", "-"])[:3]
            engines[name] = ("" if after == "-" else after,
                             "" if side == "-" else side)
    return engines


def list_processes(engines, partitions, groups):
    """In the order of the chain: "cleaner", "alarm.0", "alarm.1"..."""
    names = [f"cleaner.{group}" for group in groups]
    for name in engines:
        if name in partitions:
            names += [f"{name}.{p}" for p in range(partitions[name])]
        else:
            names.append(name)
    return names


def tcp_ports(pid):
    """Local ports of a process's TCP connections."""
    inodes = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(link))
        except FileNotFoundError:
            pass
    lines = pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()
    fields = [line.split() for line in lines[1:]]
    return [int(f[1].split(":")[1], 16) for f in fields
            if f"socket:[{f[9]}]" in inodes]


class Process:
    """A server's, which is no child of ours."""

    def __init__(self, pid):
        self.pid = pid

    def signal(self, number):
        os.kill(self.pid, number)

    def is_alive(self):
        stat = pathlib.Path(f"/proc/{self.pid}/stat")
        try:
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False


class Rig:
    """The servers. With own_disks theirs and the stores' are small file
    systems that can be filled."""

    def __init__(self, own_disks=False):
        self.own_disks = own_disks
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hyp-chain."))
        self.broker_port, self.mongod_port = free_ports(2)
        self.broker_dir = self.dir / "broker"
        self.mongod_dir = self.dir / "mongod"
        self.clock = clock.Clock(self.dir, TOOLS / "clock_shim.so")
        self.disks = []
        self.broker_disk = self.make_disk(self.broker_dir, BROKER_MIB)
        self.mongod_disk = self.make_disk(self.mongod_dir, MONGOD_MIB)
        self.has_mongod = False
        self.network = network.Proxy(self.broker_port)
        self.store_network = network.Proxy(self.mongod_port)
        self.env = dict(os.environ, HYP_BUILDDIR=str(BUILD),
                        HYP_SRCDIR=str(SOURCE),
                        HYP_TEST_AMQP_PORT=str(self.broker_port),
                        HYP_TEST_AMQP_PASSWORD_FILE=str(
                            self.broker_dir / "hypervise.password"))
        self.suites = []
        self.feeds = []
        self.declared_s = 0
        self.vhosts = []  # that nobody has
        self.vhosts_lock = threading.Lock()
        self.n_vhosts = 0

    def make_disk(self, folder, size_mib):
        """A folder, None, or a file system of its own on it."""
        folder.mkdir(parents=True)
        if not self.own_disks:
            return None
        self.disks.append(disk.Disk(folder, size_mib))
        return self.disks[-1]

    def cut(self, pids):
        """Every connection of these processes to the broker is lost."""
        self.network.reset({port for pid in pids for port in tcp_ports(pid)})

    def amqp_conf(self):
        """Lines of an [amqp] section: how to reach the broker."""
        return f"port = {self.network.port}\n"

    def feed_env(self):
        """How a publisher reaches the broker."""
        return dict(self.env, HYP_TEST_AMQP_PORT=str(self.network.port))

    def store_uri(self, name):
        """Of a database, through the network that fails."""
        return f"mongodb://127.0.0.1:{self.store_network.port}/{name}" \
            "?directConnection=true"

    def broker(self, command, *args):
        return run(SUPPORT / "rabbitmq.sh", command, self.broker_dir, *args,
                   env=self.env)

    def mongod(self, command, *args):
        return run(SUPPORT / "mongod.sh", command, self.mongod_dir, *args,
                   env=self.env)

    def start_broker(self):
        self.broker("start", self.broker_port)

    def start_mongod(self):
        self.mongod("start", self.mongod_port)
        self.has_mongod = True

    def mongod_ctl(self, command):
        run(TOOLS / "mongo_ctl", command, f"127.0.0.1:{self.mongod_port}",
            env=self.env)

    def end_broker(self, how):
        """how: killed or stopped."""
        wait_for("the queues' directory written", lambda:
                 time.monotonic() > self.declared_s + SETTLE_S)
        self.broker("kill" if how == "killed" else "stop")

    def set_memory(self, share):
        """Of the machine's; above it the broker blocks who publishes."""
        self.broker("ctl", "set_vm_memory_high_watermark", share)

    def broker_process(self):
        return Process(int(self.broker("pid")))

    def mongod_process(self):
        return Process(int(self.mongod("pid")))

    def amqp(self, *args, vhost, **more):
        """What amqp_ctl prints."""
        return run(TOOLS / "amqp_ctl", *args,
                   env=dict(self.env, HYP_TEST_AMQP_VHOST=vhost), **more)

    def add_vhosts(self, count):
        """Each with the rights of an installation's own."""
        names = [f"test{self.n_vhosts + i}" for i in range(count)]
        each = ",".join(f'<<"{name}">>' for name in names)
        every = '<<".*">>, ' * 3
        self.broker("ctl", "eval", "[begin rabbit_vhost:add(V, <<\"t\">>), "
                    "rabbit_auth_backend_internal:set_permissions("
                    f"<<\"hypervise\">>, V, {every} <<\"t\">>) end "
                    f"|| V <- [{each}]].")
        self.n_vhosts += count
        self.vhosts += names

    def take_vhost(self):
        """One that nobody else has."""
        with self.vhosts_lock:
            if not self.vhosts:
                self.add_vhosts(VHOSTS_AT_ONCE)
            return self.vhosts.pop()

    def drop_all(self):
        """Kill every process but the servers."""
        for suite in self.suites:
            suite.kill_all()
        for feed in self.feeds:
            feed.kill()

    def forget(self):
        """What a test leaves behind: processes, and queues."""
        self.drop_all()
        for suite in self.suites:
            suite.forget_queues()
        self.suites.clear()
        self.feeds.clear()

    def heal(self):
        """The servers run again, whatever a failed test did to them."""
        self.clock.set(0)
        for one in self.disks:
            one.free()
        for start in [self.start_broker] + \
                [self.start_mongod] * self.has_mongod:
            try:
                start()
            except Failure:
                pass  # it runs already

    def close(self, keep):
        """End everything; keep the folder when something failed."""
        self.drop_all()
        self.end([lambda: self.broker("stop"),
                  lambda: self.has_mongod and self.mongod("stop")], keep)

    def end(self, stops, keep):
        for stop in stops:
            try:
                stop()
            except Failure as failure:
                say(f"stopping: {failure}")
        if keep:
            say(f"kept: {self.dir}")
        else:
            for one in reversed(self.disks):
                one.remove()
            shutil.rmtree(self.dir, ignore_errors=True)


class Feed:
    """amqp_feed: publishes the lines of a file as far as it is told."""

    def __init__(self, rig, path, prefix, vhost):
        self.confirmed = 0
        self.process = subprocess.Popen(
            [str(TOOLS / "amqp_feed"), prefix, str(path)],
            env=dict(rig.feed_env(), HYP_TEST_AMQP_VHOST=vhost), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.unread = b""
        rig.feeds.append(self)

    def allow(self, count):
        self.process.stdin.write(b"%d\n" % count)
        self.process.stdin.flush()

    def read(self):
        """The number of lines that the broker has confirmed."""
        self.unread += self.process.stdout.read() or b""
        lines = self.unread.split(b"\n")
        self.unread = lines.pop()
        if lines:
            self.confirmed = int(lines[-1])
        if self.process.poll() not in (None, 0):
            raise Failure("amqp_feed failed")
        return self.confirmed

    def wait(self, count):
        wait_for(f"{count} messages confirmed",
                 lambda: self.read() >= count)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self):
        self.process.stdin.close()
        if self.process.wait(PATIENCE_S) != 0:
            raise Failure("amqp_feed failed")
        self.process.stdout.close()


class Engine:
    """One process; name "alarm", "alarm.2" for a partition, "cleaner.north"
    for a group of sources; sets: further section.key=value."""

    def __init__(self, suite, name, tag="", sets=()):
        self.suite = suite
        self.name = name
        kind, _, part = name.partition(".")
        sets = [*suite.own.get("", ()), *suite.own.get(kind, ()),
                *suite.sets.get(kind, ()), *sets]
        if part:
            option = "partition" if part.isdigit() else "group"
            sets.append(f"engine.{option}={part}")
        self.status_dir = suite.dir / ("run" + tag)
        self.log = suite.dir / f"engine-{name}{tag}.log"
        self.status_dir.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BUILD / f"engine-{kind}"), "--config-dir",
                 str(suite.dir / "etc"), "--set",
                 f"process.status_dir={self.status_dir}"]
                + [a for s in sets for a in ("--set", s)],
                env=suite.rig.clock.env(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        suite.started.append(self)

    def status(self):
        """What its own status file tells, {} while there is none."""
        path = self.status_dir / f"engine-{self.name}.status"
        try:
            status = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return status if status["pid"] == self.process.pid else {}

    def chain_s(self):
        """Everything sent before has been seen by it."""
        status = self.status()
        lag_s = status.get("metrics", {}).get("hypervise_engine_lag_seconds")
        if not status.get("ready") or lag_s is None:
            return 0
        return status["updated_at"] - lag_s

    def metric(self, name):
        found = self.status().get("metrics", {})
        return found.get(f"hypervise_engine_{name}") or 0

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failure(f"engine-{self.name} ended with status "
                          f"{self.process.returncode}: {self.log_tail()}")
        return self.status().get("ready", False)

    def wait_ready(self, patience_s=PATIENCE_S):
        wait_for(f"engine-{self.name} ready", self.is_ready, patience_s)

    def log_tail(self):
        return self.log.read_text()[-2000:]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """In order; anything but a clean end is a failure."""
        self.process.terminate()
        if self.process.wait(PATIENCE_S) != 0:
            raise Failure(f"engine-{self.name} stopped with status "
                          f"{self.process.returncode}: {self.log_tail()}")


class Web:
    """The webserver of a suite."""

    def __init__(self, suite):
        self.suite = suite
        self.port, = free_ports(1)
        self.log = suite.dir / "webserver.log"
        self.key = "test"
        key_file = suite.dir / "etc" / "api.key"
        key_file.write_text(self.key)
        key_file.chmod(0o600)
        expected = ", ".join(f"engine-{name}" for name in suite.list)
        (suite.dir / "etc" / "webserver.conf").write_text(
            f"[webserver]\nport = {self.port}\n"
            f"key_file = {key_file}\n"
            f"run_folder = {suite.dir / 'run'}\nexpect = {expected}\n"
            f"alarm_partitions = {suite.partitions.get('alarm', 1)}\n"
            "[self]\n" + suite.own.get("web", "interval = 0s\n"))
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BUILD / "webserver" / "webserver"), "--config-dir",
                 str(self.suite.dir / "etc")],
                env=self.suite.rig.clock.env(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

    def ask(self, method, path, body=None, **headers):
        """Status and JSON document of an answer; OSError without one."""
        link = http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=ANSWER_S)
        try:
            link.request(method, "/api/v1" + path, body,
                         {"Authorization": f"Bearer {self.key}", **headers})
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"no whole answer: {error!r}") from error
        finally:
            link.close()

    def get(self, path):
        status, found = self.ask("GET", path)
        if status != 200:
            raise Failure(f"GET {path}: {status}: {found}")
        return found

    def try_store(self):
        """Ask for something that it reads from the store."""
        try:
            self.ask("GET", "/alarms?limit=1")
        except OSError:
            pass

    def why_not(self):
        """"" when the whole suite is well, else what it lacks."""
        if self.process.poll() is not None:
            raise Failure("the webserver ended: "
                          + self.log.read_text()[-2000:])
        try:
            health = self.get("/health")
        except (OSError, Failure) as error:
            return f"/health does not answer: {error}"
        if health["status"] == "ok":
            return ""
        return f"{health['status']}: {health['why_not']}"

    def is_well(self):
        self.missing = self.why_not()
        return not self.missing

    def wait_well(self, patience_s=PATIENCE_S):
        self.missing = ""
        try:
            wait_for("health", self.is_well, patience_s)
        except Failure as failure:
            raise Failure(f"{failure}: {self.missing}") from failure

    def metrics(self):
        """Every metric's id."""
        path = "/metrics?limit=1000"
        page = self.get(path)
        while True:
            yield from (item["id"] for item in page["items"])
            if page["next"] is None:
                return
            page = self.get(path + "&cursor="
                            + urllib.parse.quote(page["next"]))

    def points(self, end_s):
        """{(metric, ms): value}, of all there is."""
        found = {}
        for metric in self.metrics():
            at, name = 0, urllib.parse.quote(metric, safe="")
            while at is not None:
                page = self.get(f"/metrics/points?id={name}&raw=true"
                                f"&from={at}&to={end_s}")
                for t, value in page["points"]:
                    if (metric, round(t * 1000)) in found:
                        raise Failure(f"{metric}: two points at {t}")
                    found[metric, round(t * 1000)] = value
                at = page["next"]
        return found

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        if self.process.wait(PATIENCE_S) != 0:
            raise Failure("webserver stopped with status "
                          f"{self.process.returncode}: "
                          f"{self.log.read_text()[-2000:]}")


# What the suite tells of itself is in no oracle.
QUIET = {"": ["self.interval=0s"], "alarm": ["alarm.chain_late=0s"]}


class Suite:
    """A set of engines with a store and a vhost of its own."""

    def __init__(self, rig, name, store, options=(), engines=None,
                 partitions=None, groups=(), own=QUIET):
        """engines: {name: (next, side)}, else all of them; partitions:
        {name: how many} where not one; groups: of sources, each with a
        cleaner beside the main one; own: {engine, or "" for
        all: [section.key=value]} of what it tells of itself."""
        self.rig = rig
        self.vhost = rig.take_vhost()
        self.groups = groups
        self.options = dict(options)
        self.own = own
        self.name = f"{name}-{store}-{self.vhost}"
        self.web = None
        self.disk = None  # of the store
        self.sets = {}  # {engine: [section.key=value]}
        self.dir = rig.dir / self.name
        self.engines = {}
        self.started = []  # every instance there ever was
        self.chain = engines or read_engines()
        (self.dir / "etc" / "engines").mkdir(parents=True)
        if store == "mongodb":
            self.uri = self.store_uri()
        else:
            self.disk = rig.make_disk(self.dir / "store", STORE_MIB)
            self.uri = f"sqlite:{self.dir / 'store'}"
        self.renumber(partitions or {})
        rig.suites.append(self)

    def renumber(self, partitions):
        """From the next start on, as many partitions of these engines."""
        self.partitions = partitions
        self.list = list_processes(self.chain, partitions, self.groups)
        self.configure()

    def store_uri(self):
        """Of its database on a mongod."""
        return self.rig.store_uri(self.name)

    def configure(self):
        etc = self.dir / "etc"
        password = self.rig.broker_dir / "hypervise.password"
        (etc / "amqp.conf").write_text(
            f"[amqp]\n{self.rig.amqp_conf()}"
            f"vhost = {self.vhost}\n"
            f"password_file = {password}\nheartbeat = {HEARTBEAT_S}s\n")
        (etc / "storage.conf").write_text(f"[storage]\nuri = {self.uri}\n")
        (etc / "partitions.conf").write_text(
            "[partitions]\nengines = " + ", ".join(
                f"{name}*{n}" for name, n in self.partitions.items()) + "\n")
        for name, (after, side) in self.chain.items():
            (etc / "engines" / f"{name}.conf").write_text(
                f"[engine]\nnext = {after}\nside = {side}\n"
                + self.options.get(name, ""))

    def start(self, name):
        self.engines[name] = Engine(self, name)

    def start_all(self):
        """From the end of the chain, so that each finds its next's queue."""
        for name in reversed(self.list):
            self.start(name)
        self.wait_ready()
        self.rig.declared_s = time.monotonic()

    def wait_ready(self, patience_s=PATIENCE_S):
        """All of them within the time."""
        end = time.monotonic() + patience_s
        for engine in self.engines.values():
            engine.wait_ready(max(POLL_S, end - time.monotonic()))

    def start_again(self):
        """All of it, whatever there is to be waited for."""
        for name in self.list:
            self.start(name)
        self.web.start()

    def wait_flows(self, patience_s=PATIENCE_S):
        """What is sent now arrives at the end of each way."""
        since_s = time.time()
        end = time.monotonic() + patience_s
        for name, engine in self.engines.items():
            if name != NO_MARKS:
                wait_for(f"marks at engine-{name}",
                         lambda e=engine: e.chain_s() > since_s,
                         max(POLL_S, end - time.monotonic()))

    def wait_healed(self, patience_s):
        """Well by itself, and events flow."""
        end = time.monotonic() + patience_s
        self.web.wait_well(patience_s)
        self.wait_flows(max(POLL_S, end - time.monotonic()))

    def stop_all(self):
        """In the order of the events' way, so that each drains."""
        for name in self.list:
            self.engines.pop(name).stop()

    def start_web(self):
        self.web = Web(self)
        self.web.wait_well()

    def amqp(self, *args, **more):
        return self.rig.amqp(*args, vhost=self.vhost, **more)

    def kill_all(self):
        """Second instances too; what has ended stays ended."""
        for process in self.started + [self.web] * (self.web is not None):
            process.kill()

    def rows(self, *collections, where=None):
        """Rows of these collections (all when none is named)."""
        args = []
        for name in collections:
            args += ["-c", name]
        if where is not None:
            args += ["-f", json.dumps(where)]
        text = run(TOOLS / "store_dump", *args, self.uri)
        for line in text.split("\n")[:-1]:
            collection, key, row = line.split("\t", 2)
            yield collection, key, json.loads(row)

    def forget_queues(self):
        """Remove the queues of every engine: the broker starts sooner."""
        names = [f"Engine_{name}" for name in self.list]
        names += [f"Engine_{name}.actions" for name in self.list
                  if name.startswith("alarm")]
        names += ["Engine_che", "Engine_fifo", "Engine_dead",
                  "Engine_collectdgw", "Engine_event-filter.control", ALERTS]
        for name in dict.fromkeys(names):
            try:
                self.amqp("delete", name, stderr=subprocess.DEVNULL)
            except Failure:
                pass


ALERTS = "test.alerts"  # a listener's
STOP = signal.SIGSTOP
CONTINUE = signal.SIGCONT
