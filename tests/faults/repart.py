# SPDX-License-Identifier: Apache-2.0
"""hypcontrol repartition while sources send: the same comes of it as without,
also when it is killed again and again; and while people act on alarms."""
import json
import os
import random
import subprocess
import sys
import threading
import time

import rig
import run

EVERY_S = 0.05
SHARE = 60  # of the story, a step of load
# One after the other: more, other, fewer partitions.
CHANGES = (
    {"event-filter": 2, "context": 4, "perfdata": 4, "alarm": 4,
     "eventstore": 4},
    {"event-filter": 3, "context": 3, "perfdata": 3, "alarm": 2,
     "eventstore": 1},
    {"event-filter": 1, "context": 1, "perfdata": 1, "alarm": 1},
)
KILLS_MAX = 40
ALARMS = 20  # that are acted on
ACT_EVERY_S = 0.02
TAKEN = ("done", "pending")
SETUP = """#!%s
import pathlib, re, sys
assert sys.argv[1:] == ["program-files"]
top = pathlib.Path(%r)
text = (top / "etc" / "partitions.conf").read_text()
numbers = dict(re.findall(r"([a-z-]+)\\*(\\d+)", text))
folder = top / "etc" / "supervisord.d"
for old in folder.glob("engine-*.conf"):
    old.unlink()
own = %r
for name in %r:
    sets = own.get("", []) + own.get(name, [])
    n = int(numbers.get(name, 1))
    for p in range(n):
        part = [f"engine.partition={p}"] if n > 1 else []
        more = "".join(f" --set {s}" for s in sets + part)
        full = f"engine-{name}.{p}" if n > 1 else f"engine-{name}"
        (folder / f"{full}.conf").write_text(f'''[program:{full}]
command=%s/engine-{name} --config-dir {top}/etc --set process.status_dir={top}/var/run{more}
autostart=false
startsecs=1
startretries=1000
stopwaitsecs=30
redirect_stderr=true
stdout_logfile={top}/var/log/{full}.log
''')
"""


class Web(rig.Web):
    """Run by the supervisor."""

    def __init__(self, suite):
        super().__init__(suite)
        conf = suite.dir / "etc" / "webserver.conf"
        lines = conf.read_text().splitlines()
        conf.write_text("\n".join(
            line for line in lines
            if not line.startswith("alarm_partitions")) + "\n")
        (suite.dir / "etc" / "supervisord.d" / "webserver.conf").write_text(
            f"[program:webserver]\ncommand={rig.BUILD}/webserver/webserver "
            f"--config-dir {suite.dir}/etc\nautostart=false\n"
            "redirect_stderr=true\n"
            f"stdout_logfile={suite.dir}/var/log/webserver.log\n")

    def start(self):
        self.log = self.suite.dir / "var" / "log" / "webserver.log"

    def why_not(self):
        try:
            health = self.get("/health")
        except (OSError, rig.Failure) as error:
            return f"/health does not answer: {error}"
        return "" if health["status"] == "ok" else str(health["why_not"])

    def kill(self):
        pass  # with all others

    def stop(self):
        self.suite.service("webserver", "stop")


class Supervised(rig.Suite):
    """Engines as an installation has them: under a supervisord."""

    def configure(self):
        super().configure()
        for folder in ("etc/supervisord.d/local", "var/run", "var/log",
                       "var/lib", "libexec/hypervise"):
            (self.dir / folder).mkdir(parents=True, exist_ok=True)
        if not (self.dir / "run").exists():
            (self.dir / "run").symlink_to(self.dir / "var" / "run")
        text = (rig.SOURCE / "etc" / "supervisord.conf.in").read_text()
        text = text.replace("@VARDIR@", str(self.dir / "var"))
        (self.dir / "etc" / "supervisord.conf").write_text(
            text.replace("@ETCDIR@", str(self.dir / "etc")))
        engines = ", ".join(f"engine-{name}" for name in self.chain)
        (self.dir / "etc" / "hypcontrol.conf").write_text(
            "[hypcontrol]\nwait = 90s\n[backends]\nservices =\n"
            f"[engines]\nservices = {engines}\n"
            "[frontends]\nservices = webserver\n")
        setup = self.dir / "libexec" / "hypervise" / "setup"
        setup.write_text(SETUP % (sys.executable, str(self.dir), rig.QUIET,
                                  list(self.chain), rig.BUILD))
        setup.chmod(0o755)
        rig.run(setup, "program-files")

    def command(self, program, *args):
        return [str(rig.BUILD / "bin" / program), "--prefix", str(self.dir),
                *args]

    def control(self, *args):
        return rig.run(*self.command("hypcontrol", *args),
                       stderr=subprocess.STDOUT)

    def service(self, name, what):
        return rig.run(*self.command("service", name, what),
                       stderr=subprocess.STDOUT)

    def start_all(self):
        self.web = Web(self)
        self.control("start")
        self.rig.declared_s = time.monotonic()

    def start_web(self):
        self.web.wait_well()

    def wait_ready(self, patience_s=rig.PATIENCE_S):
        rig.wait_for("every service ready", lambda: subprocess.run(
            self.command("hypcontrol", "status"), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode == 0,
            patience_s)

    def stop_all(self):
        for name in rig.list_processes(self.chain, self.partitions, ()):
            self.service(f"engine-{name}", "stop")

    def kill_all(self):
        try:
            self.control("stop")
        except rig.Failure as failure:
            rig.say(f"stopping: {failure}")

    def repartition(self, *args):
        return subprocess.Popen(
            self.command("hypcontrol", "repartition", *args),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)


class Load:
    """Sends on, a little at a time, while something is waited for."""

    def __init__(self, told):
        self.feed = told.feed
        self.n = len(told.story.messages)
        self.allowed = 0

    def send(self):
        self.allowed = min(self.n, self.allowed + self.n // SHARE // 4 + 1)
        self.feed.allow(self.allowed)

    def until(self, share):
        while self.allowed < self.n * share:
            self.send()
            time.sleep(EVERY_S)
        self.feed.wait(int(self.n * share) - 1)


def go(suite, load, numbers, kill_after_s):
    """One life of it; its status (None: killed) and what it said."""
    life = suite.repartition(*[f"{name}={n}" for name, n in numbers.items()])
    os.set_blocking(life.stdout.fileno(), False)
    begun, said = time.monotonic(), b""
    while life.poll() is None:
        load.send()
        time.sleep(EVERY_S)
        said += life.stdout.read() or b""
        if kill_after_s and time.monotonic() - begun > kill_after_s:
            life.kill()
            life.wait()
            return None, said
    return life.returncode, (said + (life.stdout.read() or b"")).decode()


def change(suite, load, numbers, chance):
    """To the end, through as many lives as it takes."""
    kill_after_s = chance.uniform(0.05, 0.6) if chance else 0
    begun = time.monotonic()
    for lives in range(1, KILLS_MAX):
        status, said = go(suite, load, numbers, kill_after_s)
        if status == 0:
            suite.partitions = {**suite.partitions, **numbers}
            suite.partitions = {name: n for name, n in
                                suite.partitions.items() if n > 1}
            rig.say(f"  to {numbers}: {lives} lives, "
                    f"{time.monotonic() - begun:.1f} s")
            return
        if status is not None:
            raise rig.Failure(f"repartition ended with status {status}: "
                              f"{said[-2000:]}")
        # Each lives longer, so that each place is met and one gets through.
        kill_after_s += chance.uniform(0.1, 1.2)
    raise rig.Failure(f"repartition: not through after {KILLS_MAX} lives")


def check_dry(suite):
    """It tells, and changes nothing."""
    said = suite.control("repartition", "alarm=4", "--dry-run")
    if "alarm: 1 -> 4" not in said or \
            (suite.dir / "var/lib/repartition.conf").exists():
        raise rig.Failure(f"dry run: {said}")


def changes_of(case):
    """The short form has the first one only."""
    return CHANGES if case.rounds else CHANGES[:1]


def tell(servers, store, case, chance):
    told = run.Run(servers, "repartition", store, case.plain.story,
                   Supervised)
    load = Load(told)
    check_dry(told.suite)
    for i, numbers in enumerate(changes_of(case)):
        load.until((i + 1) / (len(CHANGES) + 2))
        change(told.suite, load, numbers, chance)
        told.suite.web.wait_well()
    load.until(1)
    told.wait_end()
    return told


def test_repartition(servers, store, case):
    """Other numbers, three times in the long form; the same as without."""
    case.plain.judge(tell(servers, store, case, None), "repartitioned")


def test_repartition_killed(servers, store, case):
    """The same, killed at moments by chance."""
    case.plain.judge(tell(servers, store, case, random.Random(case.seed)),
                     "repartitioned, killed")


class Operator(threading.Thread):
    """Comments on alarms in turn, by the API, each with a number."""

    def __init__(self, web, alarms):
        super().__init__(daemon=True)
        self.web = web
        self.alarms = alarms
        self.taken = {alarm: [] for alarm in alarms}
        self.unsure = {alarm: set() for alarm in alarms}
        self.waited = 0  # sent while nobody answered
        self.ending = threading.Event()

    def act(self, number, alarm):
        body = json.dumps({"type": "comment", "ids": [alarm], "author": "eve",
                           "message": str(number)})
        try:
            _, answer = self.web.ask("POST", "/alarms/actions", body)
            result = answer["items"][0]["result"]
        except (OSError, KeyError):
            self.unsure[alarm].add(number)
            return
        if result in TAKEN:
            self.taken[alarm].append(number)
        self.waited += result == "pending"

    def run(self):
        number = 0
        while not self.ending.is_set():
            number += 1
            self.act(number, self.alarms[number % len(self.alarms)])
            time.sleep(ACT_EVERY_S)

    def end(self):
        self.ending.set()
        self.join()


def comments(suite):
    """{alarm: [number]}, in the order of its steps."""
    found = {}
    for _, _, row in suite.rows("steps", where={"type": "comment",
                                                "author": "eve"}):
        found.setdefault(row["alarm_id"], []).append(
            (row["step"], int(row["message"])))
    return {alarm: [number for _, number in sorted(steps)]
            for alarm, steps in found.items()}


def is_all_done(suite, operator):
    done = comments(suite)
    return all(set(taken) <= set(done.get(alarm, []))
               for alarm, taken in operator.taken.items())


def check_actions(suite, operator):
    """What was taken is done once, in order; nothing else is."""
    done = comments(suite)
    for alarm, taken in operator.taken.items():
        found = done.get(alarm, [])
        unsure = operator.unsure[alarm]
        if [n for n in found if n not in unsure] != taken or \
                len(set(found)) != len(found):
            raise rig.Failure(f"alarm {alarm}: actions {taken} were taken, "
                              f"{sorted(unsure)} perhaps, done are {found}")


def test_repartition_actions(servers, store, case):
    """People act on alarms all the while: what waited is done, once."""
    told = run.Run(servers, "repartition-actions", store, case.plain.story,
                   Supervised)
    load = Load(told)
    load.until(1 / 4)
    page = rig.wait_for("alarms", lambda: [
        items for items in [told.suite.web.get(f"/alarms?limit={ALARMS}")
                            ["items"]] if len(items) == ALARMS])
    operator = Operator(told.suite.web, [item["id"] for item in page[0]])
    operator.start()
    for i, numbers in enumerate(CHANGES):
        load.until((i + 2) / (len(CHANGES) + 2))
        change(told.suite, load, numbers, None)
        told.suite.web.wait_well()
    load.until(1)
    operator.end()
    told.wait_end()
    rig.wait_for("every action done", lambda: is_all_done(told.suite, operator))
    told.suite.stop_all()
    told.suite.web.stop()
    check_actions(told.suite, operator)
    rig.say(f"  {sum(map(len, operator.taken.values()))} actions done, "
            f"{operator.waited} of them waited; "
            f"{sum(map(len, operator.unsure.values()))} without an answer")
    if operator.waited == 0:
        raise rig.Failure("no action waited: nothing was tested")
