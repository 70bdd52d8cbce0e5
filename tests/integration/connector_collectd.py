# SPDX-License-Identifier: Apache-2.0
"""connector-collectd against the network plugin of collectd: plain, signed,
encrypted, and what is none of it; then a host that falls silent. Every process
talks to the broker by AMQPS."""
import os
import pwd
import re
import socket
import subprocess
import threading
import time

from senders import Connector, Server, expect, need, rig, rows_by

USER, PASSWORD = "alice", "open sesame"
NAME = "Größe " + "x" * 100
INTERVAL_S = 2
TTL_S = 3 * INTERVAL_S  # a busy machine holds up a host for a second or two
OUTAGE_S = 2 * TTL_S
DATAGRAM = 4096

CONF = """
Hostname "{host}"
FQDNLookup false
Interval {interval}
BaseDir "{dir}"
PIDFile "{dir}/{host}.pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db" "{dir}/own.db"
LoadPlugin load
LoadPlugin exec
LoadPlugin threshold
LoadPlugin network
<Plugin exec>
    Exec "{user}" "{dir}/values"
</Plugin>
<Plugin threshold>
    <Type "load">
        DataSource "shortterm"
        FailureMax -1
        Persist false
    </Type>
</Plugin>
<Plugin network>
    MaxPacketSize 1024
    <Server "127.0.0.1" "{port}">
        {security}
    </Server>
</Plugin>
"""

VALUES = """#!/bin/sh
while :; do
    echo "PUTVAL \\"$COLLECTD_HOSTNAME/own-{name}/own_queue-a\\" interval={interval} N:42"
    echo "PUTVAL $COLLECTD_HOSTNAME/own/gauge-unknown interval={interval} N:U"
    echo "PUTVAL $COLLECTD_HOSTNAME/own/if_octets-eth0 interval={interval} N:1:2"
    # A packet is sent when it is full: of "plain" not in each interval.
    case $COLLECTD_HOSTNAME in plain) sleep {interval} ;; *) sleep 0.2 ;; esac
done
"""


def secured(level, password=PASSWORD):
    return (f'SecurityLevel {level}\n        Username "{USER}"\n'
            f'        Password "{password}"')


class Relay:
    """Hands datagrams on, each of them twice."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.to = ("127.0.0.1", port)
        self.count = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            data = self.socket.recv(65536)
            if not data:
                return
            self.count += 1
            self.socket.sendto(data, self.to)
            self.socket.sendto(data, self.to)

    def close(self):
        self.socket.sendto(b"", ("127.0.0.1", self.port))


class Hosts:
    """A collectd for each host."""

    def __init__(self, folder):
        self.program, = need("collectd")
        self.dir = folder
        self.user = "nobody" if os.getuid() == 0 else \
            pwd.getpwuid(os.getuid()).pw_name
        self.servers = {}
        folder.mkdir()
        folder.chmod(0o755)
        folder.parent.chmod(0o755)
        folder.parent.parent.chmod(0o755)
        (folder / "own.db").write_text("own_queue  value:GAUGE:0:100\n")
        values = folder / "values"
        values.write_text(VALUES.format(name=NAME,
                                        interval=INTERVAL_S))
        values.chmod(0o755)

    def start(self, host, port, security=""):
        path = self.dir / f"{host}.conf"
        path.write_text(CONF.format(host=host, dir=self.dir, port=port,
                                    user=self.user, security=security,
                                    interval=INTERVAL_S))
        self.servers[host] = Server([self.program, "-f", "-C", path],
                                    self.dir / f"{host}.log")

    def stop(self, host):
        self.servers.pop(host).stop()

    def stop_all(self):
        for host in list(self.servers):
            self.stop(host)


def metrics_of(suite, host):
    """{(resource, metric): row}"""
    return {(row["entity_id"].rsplit("/", 1)[-1], row["name"]): row
            for _, _, row in suite.rows("metrics")
            if f"/lab/{host}/" in row["entity_id"]}


def check_values(suite, host):
    """Every value with its type, under its whole name."""
    wanted = [("load", "load-shortterm"), (f"own-{NAME}", "own_queue-a"),
              ("own", "if_octets-eth0-rx")]
    rows = rig.wait_for(f"metrics of {host}", lambda: (
        lambda m: m if all(w in m for w in wanted) else None)(
            metrics_of(suite, host)))
    expect("a value of an own type", rows[wanted[1]], type="GAUGE", max=100)
    expect("a rate", rows[wanted[2]], type="DERIVE", unit="B")
    if ("own", "gauge-unknown") in rows:
        raise rig.Failure("an unknown value was taken")


def check_notification(suite, host):
    row = rig.wait_for(f"{host}'s notification", lambda: rows_by(
        suite, "alarms", "component", "resource").get((host, "load/load")))
    expect("its alarm", row, state=3, connector="collectd",
           output=re.compile('Data source "shortterm" is currently'))


def no_events(suite, host):
    row = rows_by(suite, "alarms", "component", "resource").get(
        (host, "alive"))
    return row is not None and row["status"] == 5


def alive_entity(suite, host):
    return (host, "alive") in rows_by(suite, "entities", "component",
                                      "resource")


def send_raw(port, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for data in datagrams:
            out.sendto(data, ("127.0.0.1", port))


def check_garbage(connector, port):
    before = connector.metric("refused_total")
    send_raw(port, b"\0", os.urandom(300), b"\0\0\xff\xff",
             b"x" * (DATAGRAM + 1), b"")
    rig.wait_for("garbage refused", lambda:
                 connector.metric("refused_total") >= before + 5)


def check_auth_file(suite, connector, hosts, auth, port):
    """A user who comes later needs no restart; a bad file changes nothing."""
    auth.write_text("nonsense\n")
    rig.wait_for("a bad file told", lambda:
                 "COLLECTD-AUTH" in connector.log_tail())
    hosts.start("later", port, secured("Encrypt", "other").replace(
        USER, "bob"))
    auth.write_text(f"{USER}: {PASSWORD}\nbob: other\n")
    rig.wait_for("the new user's host", lambda: alive_entity(suite, "later"))
    hosts.stop("later")


def check_silence(suite, hosts):
    """An outage of the chain is no silence of a host; a host's is."""
    began = time.time()
    suite.engines["cleaner"].kill()
    time.sleep(OUTAGE_S)
    suite.start("cleaner")
    suite.engines["cleaner"].wait_ready()
    rig.wait_for("the outage worked off", lambda: suite.engines[
        "alarm"].chain_s() > began + OUTAGE_S + 2 * TTL_S)
    silent = [h for h in hosts.servers if no_events(suite, h)]
    if silent:
        raise rig.Failure(f"alarms for {silent}, which were never silent")
    hosts.stop("encrypted")
    rig.wait_for("the alarm of a silent host", lambda: no_events(
        suite, "encrypted"))
    if no_events(suite, "plain"):
        raise rig.Failure("plain is not silent")


def check_hyp(suite):
    """hyp too, by the same configuration."""
    done = subprocess.run(
        [str(rig.BUILD / "cli" / "hyp"), "--config-dir",
         str(suite.dir / "etc"), "send", "--amqp", "connector=test",
         "connector_name=tls", "component=c", "resource=r", "state=2"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise rig.Failure(f"hyp send --amqp: {done.stdout}{done.stderr}")
    rig.wait_for("its alarm", lambda: ("c", "r") in rows_by(
        suite, "alarms", "component", "resource"))


def test(suite, connectors):
    plain, sign, encrypt = ports = rig.free_ports(3)
    hosts = Hosts(suite.dir / "collectd")
    auth = suite.dir / "users"
    auth.write_text(f"{USER}: {PASSWORD}\n")
    auth.chmod(0o600)
    connector = Connector(suite, "collectd", {
        "plain_port": plain, "sign_port": sign, "encrypt_port": encrypt,
        "auth_file": auth, "datagram_bytes": DATAGRAM,
        "typesdb": f"/usr/share/collectd/types.db, {hosts.dir / 'own.db'}"})
    connectors.append(connector)
    relay = Relay(encrypt)
    try:
        hosts.start("plain", plain)
        hosts.start("signed", sign, secured("Sign"))
        hosts.start("encrypted", relay.port, secured("Encrypt"))
        hosts.start("stranger", encrypt, secured("Encrypt", "wrong"))
        hosts.start("open", sign)
        for host in ("plain", "signed", "encrypted"):
            check_values(suite, host)
            check_notification(suite, host)
        rig.wait_for("repeats known", lambda:
                     connector.metric("repeated_total") >= relay.count // 2)
        for host in ("stranger", "open"):
            hosts.servers[host].check()
            hosts.stop(host)
            if alive_entity(suite, host):
                raise rig.Failure(f"{host} was let in")
        for port in ports:
            check_garbage(connector, port)
        check_auth_file(suite, connector, hosts, auth, encrypt)
        check_hyp(suite)
        suite.start_web()
        suite.web.stop()
        check_silence(suite, hosts)
    finally:
        hosts.stop_all()
        relay.close()
    connector.stop()
