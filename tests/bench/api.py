# SPDX-License-Identifier: Apache-2.0
"""The REST API under load: events posted over keep-alive connections."""
import json
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

from rig import Failed, PATIENCE_S, cpu_s, wait_for

CONNECTIONS = 64
POST_S = 10
WARM_S = 1


class Web:
    """The webserver beside a suite's store and broker."""

    def __init__(self, bench, suite):
        self.suite = suite
        self.key = secrets.token_hex(16)
        self.log = f"{suite.folder}/webserver.log"
        with open(f"{suite.folder}/etc/api.key", "w", encoding="ascii") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(self.key + "\n")
        suite.put("webserver.conf",
                  f"[webserver]\nport = 0\nkey_file = {suite.folder}/etc/"
                  f"api.key\nrun_folder = {suite.folder}/run\n"
                  "[self]\ninterval = 0s\n")
        with open(self.log, "ab") as log:
            log_from = log.tell()
            self.process = subprocess.Popen(
                [f"{bench.build}/webserver/webserver", "--config-dir",
                 f"{suite.folder}/etc"], stdout=log, stderr=log)
        self.pid = self.process.pid
        self.port = self.wait_port(log_from)
        wait_for(f"the webserver is ready; see {self.log}", self.is_ready)

    def wait_port(self, log_from):
        found = []

        def is_told():
            if self.process.poll() is not None:
                raise Failed(f"the webserver has ended; see {self.log}")
            with open(self.log, encoding="utf-8") as log:
                log.seek(log_from)
                found[:] = re.findall(r"WEB-START .* port (\d+)", log.read())
            return found
        wait_for("the webserver listens", is_told)
        return int(found[0])

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/api/v1/{path}"

    def get(self, path):
        request = urllib.request.Request(
            self.url(path), headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def put(self, path, body):
        request = urllib.request.Request(
            self.url(path), json.dumps(body).encode(), method="PUT",
            headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def is_ready(self):
        try:
            self.get("ready")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def stop(self):
        """Its queue goes too: alarm changes kept there would cost whatever is
        measured next."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self.suite.broker.ctl("delete", "webserver.alerts")


def children_cpu_s():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def wrk(bench, web, path, seconds):
    out = subprocess.check_output(
        ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s",
         "--timeout", "30s", "-s", f"{bench.source}/tests/bench/post.lua",
         f"http://127.0.0.1:{web.port}/", "--", path, web.key], text=True)
    result = json.loads(out.splitlines()[-1])
    if result["bad"] or result["lost"]:
        raise Failed(f"POST /events: {result}")
    return result


def post(bench, pack):
    """Events a second that are answered after the broker's confirm. Nothing
    consumes them: it is the entry that is measured."""
    if shutil.which("wrk") is None:
        raise Failed("wrk: no such program (Debian package wrk)")
    fed = bench.suite("sqlite")
    fed.make_queues()
    messages = fed.events.write(fed.path, pack)
    events = fed.events.entities / messages
    web = Web(bench, fed.suite)
    try:
        wrk(bench, web, fed.path, WARM_S)
        cpu = {n: cpu_s(p) for n, p in
               (("webserver", web.pid), ("beam", bench.broker.pid))}
        own = children_cpu_s()
        result = wrk(bench, web, fed.path, POST_S)
        n = result["requests"] * events
        used = {"webserver": cpu_s(web.pid) - cpu["webserver"],
                "beam": cpu_s(bench.broker.pid) - cpu["beam"],
                "client": children_cpu_s() - own}
    finally:
        web.stop()
        bench.broker.purge("Engine_cleaner")
        fed.events.forget()
    used["all"] = sum(used.values())
    return {"value": n / result["us"] * 1e6, "p50_ms": result["p50_ms"],
            "p99_ms": result["p99_ms"],
            "cpu_us": {m: s * 1e6 / n for m, s in used.items()}}
