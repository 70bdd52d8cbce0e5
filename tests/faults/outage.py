#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The broker stopped under the load of connectors: nothing is lost, order is
kept, the spools are empty again, and the operator is told.

usage: outage.py [--seconds S] [--rate N] [--how stopped|killed]
"""
import argparse
import pathlib
import signal
import socket
import struct
import sys
import threading
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "integration"))
import hyp_spool  # noqa: E402 pylint: disable=C0413
from senders import Connector, rig  # noqa: E402 pylint: disable=C0413

HOSTS = 50
SERVICES = 20
NSCA_SHARE = 10  # one check for so many log messages
BEFORE_S = 1
AFTER_S = 2
REST_S = 5
TICK_S = 0.02
LEAST_RATE = 200  # events a second that any machine takes behind the outage


class Load:
    """So many messages a second on two connections, each with its number."""

    def __init__(self, rate, most, syslog_port, nsca_port):
        self.rate = rate
        self.most = most
        self.logs = self.checks = 0
        self.syslog = socket.create_connection(("127.0.0.1", syslog_port))
        self.nsca = socket.create_connection(("127.0.0.1", nsca_port))
        self.hello = self.read_hello()
        self.ending = threading.Event()
        self.failure = None
        self.behind_s = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def read_hello(self):
        hello = b""
        while len(hello) < 132:
            hello += self.nsca.recv(132 - len(hello))
        return hello

    def log(self):
        self.logs += 1
        text = b"<14>1 - host%d prog - - - number %d" % (
            self.logs % HOSTS, self.logs)
        return b"%d %s" % (len(text), text)

    def check(self):
        self.checks += 1
        packet = bytearray(4304)
        struct.pack_into(">hxxIIh64s128s64s", packet, 0, 3, 0,
                         int(time.time()), 2, b"checked",
                         b"service%d" % (self.checks % SERVICES),
                         b"number %d" % self.checks)
        struct.pack_into(">I", packet, 4, zlib.crc32(packet))
        return bytes(packet)

    def run(self):
        start = time.monotonic()
        try:
            while not self.ending.is_set():
                due = min(int((time.monotonic() - start) * self.rate),
                          self.most)
                logs, checks = [], []
                while self.logs + self.checks < due:
                    if (self.logs + self.checks) % NSCA_SHARE == 0:
                        checks.append(self.check())
                    else:
                        logs.append(self.log())
                began = time.monotonic()
                self.syslog.sendall(b"".join(logs))
                self.nsca.sendall(b"".join(checks))
                self.behind_s = max(self.behind_s, time.monotonic() - began)
                time.sleep(TICK_S)
        except OSError as error:
            self.failure = error

    def stop(self):
        self.ending.set()
        self.thread.join()
        self.syslog.close()
        self.nsca.close()
        if self.failure is not None:
            raise rig.Failure(f"the connectors broke off: {self.failure}")


def check_logs(suite, count):
    """Each once, and those of a host in order."""
    rows = []
    for _, _, row in suite.rows("events_log"):
        if row.get("event_type") == "log":
            number = int(row["output"].split()[1])
            position = tuple(int(n) for n in row["id"].split("-")[-2:])
            rows.append((position, number))
    numbers = [number for _, number in sorted(rows)]
    if numbers != list(range(1, count + 1)):
        missing = set(range(1, count + 1)) - set(numbers)
        raise rig.Failure(f"{count} logs sent, {len(numbers)} kept, "
                          f"{len(missing)} missing, "
                          f"{len(numbers) - len(set(numbers))} twice")


def check_alarms(suite, count):
    for i in range(SERVICES):
        expected = len(range(i or SERVICES, count + 1, SERVICES))
        last = max(range(i or SERVICES, count + 1, SERVICES))
        row = [r for _, _, r in suite.rows("alarms")
               if r["resource"] == f"service{i}"]
        if len(row) != 1 or row[0]["events_count"] != expected or \
                row[0]["output"] != f"number {last}":
            raise rig.Failure(f"service{i}: expected {expected} checks, the "
                              f"last number {last}, found {row}")


def own_alarm(suite, name):
    """The newest alarm of a connector's own event."""
    rows = [r for _, _, r in suite.rows("alarms", "alarms_resolved")
            if r["source_type"] == "connector" and r["connector"] == name]
    return max(rows, key=lambda r: r["opened_at"], default=None)


def check_told(suite, connectors):
    for connector in connectors:
        if "BUS-AWAY" not in connector.log.read_text():
            raise rig.Failure(f"{connector.name}: its log does not tell")
        row = rig.wait_for(f"the alarm of {connector.name} and its end",
                           lambda n=connector.name: (
                               lambda r: r if r and r["state"] == 0 else None)(
                                   own_alarm(suite, n)))
        steps = [r for _, _, r in suite.rows("steps")
                 if r.get("alarm_id") == row["id"]]
        if not any("wait on disk" in s.get("message", "") for s in steps):
            raise rig.Failure(f"{connector.name}: no step tells of the "
                              f"outage: {steps}")


def run(servers, seconds, rate, how):
    """The load rests when the outage should be over: how long the broker
    takes to end and to start is the machine's."""
    most = rate * (seconds + REST_S)
    patience_s = rig.PATIENCE_S + most / LEAST_RATE
    suite = rig.Suite(servers, "outage", "sqlite")
    suite.start_all()
    syslog_port, nsca_port = rig.free_ports(2)
    connectors = [
        Connector(suite, "syslog", {"tcp_port": syslog_port, "udp_port": 0}),
        Connector(suite, "nsca", {"port": nsca_port, "max_age": "0"})]
    hyp_spool.before(suite)
    load = Load(rate, most, syslog_port, nsca_port)
    time.sleep(BEFORE_S)
    servers.end_broker(how)
    rig.say(f"broker {how} after {load.logs} logs and "
            f"{load.checks} checks")
    end = time.monotonic() + seconds
    hyp_spool.during(suite)
    time.sleep(max(0, end - time.monotonic()))
    for connector in connectors:
        status = connector.status()
        rig.say(f"  {connector.name}: {connector.metric('waiting'):.0f} wait, "
                f"{connector.metric('spool_bytes') / 1e6:.1f} MB on disk: "
                f"{status['why_not']}")
        if status["ready"] or connector.metric("waiting") == 0:
            raise rig.Failure(f"{connector.name}: it does not tell")
    servers.start_broker()
    back = time.monotonic()
    time.sleep(AFTER_S)
    load.stop()
    rig.say(f"broker back; {load.logs} logs and {load.checks} checks sent; "
            f"the senders waited {load.behind_s:.2f} s at most")
    for connector in connectors:
        rig.wait_for(f"the spool of {connector.name} empty", lambda c=connector:
                     c.metric("waiting") == 0, patience_s)
        rig.say(f"  {connector.name}: spool empty after "
                f"{time.monotonic() - back:.1f} s")
    suite.wait_ready()
    hyp_spool.after(suite)
    rig.wait_for("all logs stored", lambda: count_logs(suite) >= load.logs,
                 patience_s)
    check_logs(suite, load.logs)
    check_told(suite, connectors)
    for connector in connectors:
        connector.stop()
    suite.stop_all()
    check_alarms(suite, load.checks)
    hyp_spool.check(suite)
    rig.say("nothing lost, nothing twice, in order, and told")


def count_logs(suite):
    return sum(1 for _ in suite.rows("events_log", where={
        "event_type": "log"}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--how", choices=("stopped", "killed"),
                        default="stopped")
    options = parser.parse_args()
    servers = rig.Rig()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    keep = True
    try:
        servers.start_broker()
        run(servers, options.seconds, options.rate, options.how)
        keep = False
    except rig.Failure as failure:
        rig.say(f"FAILED: {failure}")
        return 1
    finally:
        servers.close(keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
