#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hyp bench` on a real broker and the real engines: what it says it sent is
what the suite has, over the bus and over the API; two at once are refused."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from api import Web
from rig import Broker, ENGINES, Failed, Suite, wait_for

EXIT_UNREACHABLE = 3
COMPONENTS = 5
RESOURCES = 4
SHAPE = ("--components", str(COMPONENTS), "--resources", str(RESOURCES),
         "--changes", "20")


class Test:
    """A suite on SQLite, and the command beside it."""

    def __init__(self, source, build, folder):
        self.build = build
        self.source = source
        self.broker = Broker(source, build, f"{folder}/rabbitmq")
        self.suite = Suite(build, f"{folder}/suite", self.broker)

    def command(self, *args):
        return subprocess.Popen(
            [f"{self.build}/cli/hyp", "bench", "--config-dir",
             f"{self.suite.folder}/etc", *SHAPE, *args, "-o", "json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *args):
        process = self.command(*args)
        out, err = process.communicate()
        if process.returncode != 0:
            raise Failed(f"hyp bench {args}: {process.returncode}, {err}")
        return json.loads(out)

    def end(self):
        self.suite.kill()
        self.broker.stop()


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: {got}, expected {wanted}")


def check_result(result, by, batch):
    expect("by", result["by"], by)
    expect("batch", result["batch"], batch)
    expect("accepted", result["accepted"], result["sent"])
    expect("refused", result["refused"], 0)
    expect("unconfirmed", result["unconfirmed"], 0)
    expect("unanswered", result["unanswered"], 0)
    took = result["latency_ms"]
    if result["sent"] == 0 or result["answered"] == 0 or not \
            took["p50"] <= took["p99"] <= took["p999"] <= took["max"]:
        raise Failed(f"result: {result}")


def check_arrived(test, web, sent):
    """Each event was done once by the last engine, and the entities are
    there: connector, components, resources."""
    engine = test.suite.running["eventstore"]
    wait_for("eventstore has done all", lambda: engine.events() >= sent)
    expect("events done", engine.events(), sent)
    wait_for("all entities are there", lambda: web.get("entities")["total"] ==
             1 + COMPONENTS + COMPONENTS * RESOURCES)


def check_refused(test):
    """Where changes are listened to already."""
    first = test.command("--amqp", "--rate", "10", "--for", "20s")
    try:
        time.sleep(1)
        second = test.command("--amqp", "--for", "1s")
        err = second.communicate()[1]
        expect("exit code of a second one", second.returncode,
               EXIT_UNREACHABLE)
        if "another hyp bench" not in err:
            raise Failed(f"a second one: {err}")
    finally:
        first.terminate()
        first.communicate()


def check_all(test):
    test.suite.start(*ENGINES)
    test.suite.wait_active()
    web = Web(test, test.suite)
    try:
        first = test.run("--amqp", "--rate", "200", "--for", "3s")
        check_result(first, "amqp", 1)
        second = test.run("--amqp", "--batch", "10", "--rate", "200", "--for",
                          "3s")
        check_result(second, "amqp", 10)
        third = test.run("--server", f"http://127.0.0.1:{web.port}",
                         "--key-file", f"{test.suite.folder}/etc/api.key",
                         "--batch", "5", "--rate", "100", "--for", "3s")
        check_result(third, "api", 5)
        check_arrived(test, web,
                      first["sent"] + second["sent"] + third["sent"])
        check_refused(test)
    finally:
        web.stop()


def main():
    folder = tempfile.mkdtemp(prefix="hyp-bench-test-")
    test = Test(os.environ["HYP_SRCDIR"], os.environ["HYP_BUILDDIR"], folder)
    try:
        check_all(test)
    except Failed as error:
        print(f"hyp_bench_test: {error}", file=sys.stderr)
        return 1
    finally:
        test.end()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
