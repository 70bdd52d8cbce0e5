# SPDX-License-Identifier: Apache-2.0
"""connector-syslog against logger and rsyslog."""
import re
import socket
import ssl
import subprocess
import time

from senders import (Connector, Server, expect, make_certificates, need, rig,
                     rows_by, tls_context)

NEAR_S = 30
ZONE = "America/New_York"
LONG = "long " + "0123456789" * 1000
ACUTE = "Schlüssel läuft ab: 3 €"

RSYSLOG = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{dir}/log.sock" UseSysTimeStamp="off")
global(workDirectory="{dir}" maxMessageSize="64k"
       DefaultNetstreamDriverCAFile="{dir}/ca.pem"
       DefaultNetstreamDriverCertFile="{dir}/client.pem"
       DefaultNetstreamDriverKeyFile="{dir}/client.key"
       parser.escapeControlCharactersOnReceive="off")
local0.* action(type="omfwd" target="127.0.0.1" port="{udp}" protocol="udp")
local1.* action(type="omfwd" target="127.0.0.1" port="{tcp}" protocol="tcp")
local2.* action(type="omfwd" target="127.0.0.1" port="{tcp}" protocol="tcp"
    TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
local3.* action(type="omfwd" target="127.0.0.1" port="{tls}" protocol="tcp"
    TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"
    StreamDriver="gtls" StreamDriverMode="1"
    StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost")
"""


class Logger:
    """logger, straight to the connector."""

    def __init__(self, suite, port):
        self.program, = need("logger")
        self.suite = suite
        self.port = port

    def send(self, *args, zone="UTC"):
        rig.run(self.program, "-n", "127.0.0.1", "-P", self.port, *args,
                env={"TZ": zone, "LC_ALL": "C.UTF-8"})


def log_rows(suite):
    found = {}
    for _, _, row in suite.rows("events_log"):
        if row.get("connector") == "syslog":
            found.setdefault(row.get("resource", ""), []).append(row)
    return found


def wait_logged(suite, *programs):
    def all_there():
        found = log_rows(suite)
        return found if all(p in found for p in programs) else None
    return rig.wait_for(f"{', '.join(programs)} logged", all_there)


def expect_now(row):
    if abs(row["timestamp"] - time.time()) > NEAR_S:
        raise rig.Failure(f"{row['resource']}: time {row['timestamp']}, "
                          f"now {time.time()}")


def test_logger(suite, udp, tcp):
    to_udp, to_tcp = Logger(suite, udp), Logger(suite, tcp)
    to_udp.send("-d", "--rfc3164", "-t", "old-udp", "-p", "daemon.err", ACUTE,
                zone=ZONE)
    to_tcp.send("-T", "--rfc3164", "-t", "old-tcp", "-p", "mail.warning",
                "plain", zone=ZONE)
    to_udp.send("-d", "--rfc5424", "-t", "new-udp", "-p", "auth.crit",
                "--msgid", "ID47", "--sd-id", "here@32473", "--sd-param",
                'a="1"', "--sd-param", 'b="x \\"y\\" \\]"', "structured",
                zone="Asia/Tokyo")
    to_tcp.send("-T", "--rfc5424", "--octet-count", "-t", "new-counted", "-p",
                "local7.debug", "counted\nof two lines")
    to_tcp.send("-T", "--rfc5424", "--octet-count", "--size", "20000", "-t",
                "long", LONG)
    rows = wait_logged(suite, "old-udp", "old-tcp", "new-udp", "new-counted",
                       "long")
    for found in rows.values():
        expect_now(found[0])
    expect("old-udp", rows["old-udp"][0], state=2, output=ACUTE,
           event_type="log", component=re.compile("."))
    expect("old-tcp", rows["old-tcp"][0], state=1, output="plain")
    expect("new-udp", rows["new-udp"][0], state=3, output="structured")
    extra = rows["new-udp"][0].get("extra", {})
    expect("new-udp's more", extra, facility="auth", severity="crit",
           msgid="ID47", sender="127.0.0.1")
    data = extra.get("structured_data", {}).get("here@32473", {})
    expect("structured data", data, a="1", b='x "y" ]')
    expect("long", rows["long"][0], long_output=LONG)


def test_rsyslog(suite, folder):
    program, = need("logger")
    for facility, tag in (("local0", "r-udp"), ("local1", "r-tcp"),
                          ("local2", "r-counted"), ("local3", "r-tls")):
        rig.run(program, "-u", folder / "log.sock", "-p", f"{facility}.err",
                "-t", tag, f"{tag}: {ACUTE}")
        subprocess.run(
            [program, "-u", folder / "log.sock", "-p", f"{facility}.info",
             "-t", f"{tag}-many"], check=True, text=True,
            input="".join(f"number {i}\n" for i in range(200)))
    names = ("r-udp", "r-tcp", "r-counted", "r-tls")
    rows = wait_logged(suite, *names)
    for tag in names:
        expect(tag, rows[tag][0], state=2, output=f"{tag}: {ACUTE}")
        expect_now(rows[tag][0])
    for tag in names:
        rows = rig.wait_for(f"all of {tag}", lambda t=tag: (
            lambda r: r if len(r) == 200 else None)(
                log_rows(suite).get(f"{t}-many", [])))
        order = [r["output"] for r in sorted(rows, key=lambda r: position(r))]
        if order != [f"number {i}" for i in range(200)]:
            raise rig.Failure(f"{tag}: not in order: {order}")


def send_tls(folder, port, name, text):
    """One message by who has the certificate of that name, or none."""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as plain, \
                tls_context(folder, name).wrap_socket(
                    plain, server_hostname="localhost") as tls:
            tls.sendall(f"<11>1 - h {text} - - - x\n".encode())
            tls.unwrap()
    except (ssl.SSLError, OSError):
        pass  # a refusal is seen, or it overtakes what is sent


def test_client_certificates(suite, connector, folder, port):
    """With tls_ca only who has a certificate of it is let in."""
    before = connector.metric("refused_total")
    for count, name in enumerate((None, "stranger"), 1):
        send_tls(folder, port, name, "never")
        rig.wait_for(f"{name} refused", lambda n=count:
                     connector.metric("refused_total") >= before + n)
    if not re.search("CONNECTOR-REFUSED .*127.0.0.1.*TLS",
                     connector.log_tail()):
        raise rig.Failure(f"not told: {connector.log_tail()}")
    send_tls(folder, port, "client", "let-in")
    wait_logged(suite, "let-in")
    if "never" in log_rows(suite):
        raise rig.Failure("somebody without a certificate was let in")


def position(row):
    """(message, index) of an event's id."""
    return tuple(int(n) for n in row["id"].split("-")[-2:])


def test_checks(suite, connectors, udp):
    """With event_type = check a program has a state, and an alarm."""
    connectors[0].stop()
    connector = connectors[0].again({
        "udp_port": udp, "tcp_port": 0, "event_type": "check",
        "timezone": ZONE})
    connectors[:] = [connector]
    logger = Logger(suite, udp)
    logger.send("-d", "--rfc3164", "-t", "disk", "-p", "kern.crit",
                "I/O error", zone=ZONE)
    row = rig.wait_for("the alarm of a message", lambda: [
        r for _, _, r in suite.rows("alarms") if r["resource"] == "disk"])
    expect("its alarm", row[0], state=3, output="I/O error",
           connector="syslog", connector_name="lab")
    entities = rows_by(suite, "entities", "resource")
    expect("its entity", entities.get(("disk",)), type="resource")
    logger.send("-d", "--rfc3164", "-t", "disk", "-p", "kern.info", "well",
                zone=ZONE)
    rig.wait_for("the alarm closed", lambda: [
        r for _, _, r in suite.rows("alarms", "alarms_resolved")
        if r["resource"] == "disk" and r["state"] == 0])
    connector.stop()


def test(suite, connectors):
    rsyslogd, = need("rsyslogd")
    udp, tcp, tls = rig.free_ports(3)
    folder = suite.dir / "rsyslog"
    folder.mkdir()
    make_certificates(folder)
    connectors.append(Connector(suite, "syslog", {
        "udp_port": udp, "tcp_port": tcp, "tls_port": tls,
        "tls_certificate": folder / "server.pem",
        "tls_key": folder / "server.key", "tls_ca": folder / "ca.pem",
        "timezone": ZONE}))
    (folder / "rsyslog.conf").write_text(
        RSYSLOG.format(dir=folder, udp=udp, tcp=tcp, tls=tls))
    server = Server([rsyslogd, "-n", "-f", folder / "rsyslog.conf", "-i",
                     folder / "pid"], folder / "log")
    try:
        rig.wait_for("rsyslog", lambda: server.check()
                     or (folder / "log.sock").exists())
        test_logger(suite, udp, tcp)
        test_rsyslog(suite, folder)
        test_client_certificates(suite, connectors[0], folder, tls)
    finally:
        server.stop()
    test_checks(suite, connectors, udp)
