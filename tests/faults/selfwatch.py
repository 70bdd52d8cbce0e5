# SPDX-License-Identifier: Apache-2.0
"""What the suite tells of itself, while engines stop, refuse and stand still:
its own events, alarms, /health, /metrics and hyp doctor."""
import os
import subprocess
import time
import urllib.parse
import urllib.request

import rig

INTERVAL_S = 1
CHAIN_LATE_S = 3
OWN = {"": [f"self.interval={INTERVAL_S}s", "self.quiet=2s"],
       "alarm": [f"alarm.chain_late={CHAIN_LATE_S}s", "alarm.resolve_after=1s"],
       "web": f"interval = {INTERVAL_S}s\nnot_ready_after = 2s\n"}
OPTIONS = {"collectdgw": "[collectdgw]\nalive = no\n"}
OK, MINOR, MAJOR, CRITICAL = range(4)
NO_EVENTS = 5
SHOWN = 3000


class Watched:
    """A suite that watches itself, and who looks at it."""

    def __init__(self, servers, store):
        self.servers = servers
        self.suite = rig.Suite(servers, "watch", store, OPTIONS, own=OWN)
        self.suite.start_all()
        self.suite.start_web()
        self.web = self.suite.web

    def open_alarms(self):
        """{resource: alarm}"""
        found = self.web.get("/alarms?limit=100")["items"]
        return {alarm["resource"]: alarm for alarm in found}

    def wait_alarm(self, resource, state, status=1):
        """An open alarm of that state, and no other."""
        def there():
            alarm = self.open_alarms().get(resource)
            return alarm if alarm and (alarm["state"], alarm["status"]) == \
                (state, status) else None
        alarm = rig.wait_for(f"an alarm {state}, {status} on {resource}",
                             there)
        rig.say(f"  {resource}: {alarm['output']}")
        return alarm

    def wait_all_resolved(self):
        rig.wait_for("every alarm resolved", lambda: not self.open_alarms())

    def doctor(self):
        """Exit status and text of hyp doctor."""
        done = subprocess.run(
            [str(rig.BUILD / "cli" / "hyp"), "--server",
             f"http://127.0.0.1:{self.web.port}", "--key-file",
             str(self.suite.dir / "etc" / "api.key"), "doctor"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
            text=True, env=dict(os.environ, TERM="dumb"))
        return done.returncode, done.stdout

    def expect_doctor(self, *words):
        """It says that something is wrong, and what."""
        status, text = self.doctor()
        if status != 1 or not all(word in text for word in words):
            raise rig.Failure(f"hyp doctor: status {status}, expected 1 and "
                              f"{words}: {text}")

    def metrics(self):
        """/metrics, as Prometheus asks for it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web.port}/metrics",
            headers={"Authorization": f"Bearer {self.web.key}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def expect_metric(self, line):
        text = self.metrics()
        if line not in text.splitlines():
            raise rig.Failure(f"{line} is not in: {text[-SHOWN:]}")


def check_text(what, text):
    """Prometheus's own tool finds nothing to say."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, text=True)
    if done.returncode != 0 or done.stdout:
        raise rig.Failure(f"promtool on {what}: {done.stdout[:SHOWN]}")


def expect_own_events(watched):
    """From each engine, without any other event, with what it measures."""
    names = [f"Engine_{name}" for name in watched.suite.chain]

    def metrics_of(name):
        wanted = urllib.parse.quote(f"/resource/Engine/engine/hypervise/{name}",
                                    safe="")
        items = watched.web.get(f"/metrics?entity={wanted}")["items"]
        return {item["name"] for item in items if item["last"]}

    for name in names:
        rig.wait_for(f"the own event of {name}", lambda n=name:
                     {"cps_evt_per_sec", "cps_sec_per_evt", "lag", "memory",
                      "queue", "dead_letters", "errors"} <= metrics_of(n))
    if watched.open_alarms():
        raise rig.Failure(f"alarms: {watched.open_alarms()}")


def expect_metrics(watched):
    for name in watched.suite.chain:
        watched.expect_metric(f'hypervise_up{{process="engine-{name}"}} 1')
    watched.expect_metric("hypervise_broker_up 1")
    check_text("/metrics", watched.metrics())
    files = sorted((watched.suite.dir / "run").glob("*.prom"))
    if len(files) != len(watched.suite.chain) + 1:
        raise rig.Failure(f"files for Prometheus: {files}")
    for path in files:
        check_text(path.name, path.read_text())


def silent_engine(watched):
    """One that is stopped is missed by its ttl, and by the webserver; all is
    well when it is back."""
    watched.suite.engines.pop("perfdata").stop()
    watched.wait_alarm("Engine_perfdata", MAJOR, NO_EVENTS)
    watched.wait_alarm("webserver", MAJOR)
    watched.expect_doctor("engine-perfdata", "not started",
                          "alarm on Engine_perfdata")
    watched.expect_metric('hypervise_up{process="engine-perfdata"} 0')
    watched.suite.start("perfdata")
    watched.wait_all_resolved()


def crashed_engine(watched):
    """One that is killed leaves its files behind."""
    watched.suite.engines["eventstore"].kill()
    rig.wait_for("/health", lambda: "crashed" in watched.web.why_not())
    watched.expect_metric('hypervise_up{process="engine-eventstore"} 0')
    watched.suite.start("eventstore")


def dead_letters(watched):
    """Refused messages are an alarm while they grow."""
    path = watched.suite.dir / "message"
    path.write_text("no JSON at all")
    watched.suite.amqp("publish", "-a", "-x", "canopsis.events", "-k", "any",
                       "-t", "application/json", path)
    watched.wait_alarm("Engine_cleaner", MINOR)
    watched.expect_doctor("dead letters: 1")
    watched.wait_all_resolved()


def standing_chain(watched):
    """Nothing comes through: the end of the chain tells by itself, of nobody
    else, for nothing is concluded from silence then."""
    context = watched.suite.engines["context"]
    context.signal(rig.STOP)
    try:
        watched.wait_alarm("Engine_alarm.chain", CRITICAL)
        rig.wait_for("lag in /health", lambda: any(
            engine["name"] == "engine-alarm" and
            (engine["lag"] or 0) >= CHAIN_LATE_S
            for engine in watched.web.get("/health")["engines"]))
        if len(watched.open_alarms()) != 1:
            raise rig.Failure(f"alarms: {watched.open_alarms()}")
    finally:
        context.signal(rig.CONTINUE)
    watched.wait_all_resolved()


def absent_broker(watched):
    """The same where the broker is away; the page still shows it."""
    broker = watched.servers.broker_process()
    broker.signal(rig.STOP)
    try:
        watched.wait_alarm("Engine_alarm.chain", CRITICAL)
    finally:
        broker.signal(rig.CONTINUE)
    watched.wait_all_resolved()
    watched.web.wait_well()


def expect_no_others(watched):
    """No alarm was ever opened but those that were asked for."""
    found = watched.web.get("/alarms?opened=false&limit=100")["items"]
    names = {alarm["resource"] for alarm in found}
    if names != {"Engine_alarm.chain", "Engine_cleaner", "Engine_perfdata",
                 "webserver"}:
        raise rig.Failure(f"alarms: {names}")


def test_self_watch(servers, store, _):
    """Each in turn, on one suite; all of it resolves."""
    watched = Watched(servers, store)
    for part in (expect_own_events, expect_metrics, silent_engine,
                 crashed_engine, dead_letters, standing_chain, absent_broker,
                 expect_no_others):
        begun = time.monotonic()
        part(watched)
        rig.say(f"  {part.__name__}: {time.monotonic() - begun:.1f} s")
    watched.suite.stop_all()
    watched.web.stop()
