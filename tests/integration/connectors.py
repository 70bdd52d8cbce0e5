#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every connector against the real sender of the distribution, through the
whole chain: its message is an event, an entity and, where it has a state, an
alarm. "outage" is a few seconds of outage.py, hyp send --amqp beside it.

usage: connectors.py [TEST]...
"""
import argparse
import signal
import sys

import connector_alertmanager
import connector_collectd
import connector_nsca
import connector_syslog
import senders  # it names the folder of the next
import outage
from senders import rig

OUTAGE = "outage"
OUTAGE_S = 5
RATE = 2000
TESTS = {
    "alertmanager": connector_alertmanager.test,
    "collectd": connector_collectd.test,
    "nsca": connector_nsca.test,
    "syslog": connector_syslog.test,
}


# Whose processes all talk to the broker by AMQPS, with other exchanges.
SECURE = "collectd"


class Servers(rig.Rig):
    """A broker that listens for AMQPS too."""

    def __init__(self):
        super().__init__()
        self.tls_port, = rig.free_ports(1)
        self.secure = False

    def start_broker(self):
        self.broker("start", self.broker_port, self.tls_port)

    def amqp_conf(self):
        if not self.secure:
            return super().amqp_conf()
        tls = self.broker_dir / "tls"
        return (f"port = {self.tls_port}\ntls = yes\ntls_ca = {tls}/ca.pem\n"
                f"tls_certificate = {tls}/suite.pem\n"
                f"tls_key = {tls}/suite.key\nexchange_name = site\n")


def run_one(servers, name):
    rig.say(f"=== {name}")
    servers.secure = name == SECURE
    suite = rig.Suite(servers, name, "sqlite")
    suite.start_all()
    connectors = []
    try:
        TESTS[name](suite, connectors)
    finally:
        for connector in connectors:
            if connector.process.poll() is None:
                connector.kill()
    suite.stop_all()
    dead = [row for _, _, row in suite.rows("dead")]
    if dead:
        raise rig.Failure(f"dead letters: {dead}")
    suite.forget_queues()


def is_built(name):
    needed = ["syslog", "nsca"] if name == OUTAGE else [name]
    return all((rig.BUILD / f"connector-{n}").exists() for n in needed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tests", nargs="*", metavar="TEST")
    names = parser.parse_args().tests or [*TESTS, OUTAGE]
    built = [n for n in names if is_built(n)]
    if not built:
        rig.say("no connector is built")
        return 77
    servers = Servers()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    keep = True
    try:
        servers.start_broker()
        for name in built:
            if name == OUTAGE:
                rig.say(f"=== {name}")
                servers.secure = False
                outage.run(servers, OUTAGE_S, RATE, "stopped")
            else:
                run_one(servers, name)
        keep = False
    except rig.Failure as failure:
        rig.say(f"FAILED: {failure}")
        return 1
    finally:
        servers.close(keep)
    return 0


if __name__ == "__main__":
    assert senders
    sys.exit(main())
