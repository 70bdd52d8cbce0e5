# SPDX-License-Identifier: Apache-2.0
"""connector-nsca against send_nsca."""
import os
import re
import subprocess
import time

from senders import Connector, expect, need, rig, rows_by

# Method in our configuration, its number in send_nsca.cfg.
METHODS = [("none", 0), ("xor", 1), ("des", 2), ("3des", 3), ("cast-128", 4),
           ("twofish", 9), ("rijndael-128", 14), ("rijndael-192", 15),
           ("rijndael-256", 16)]
PASSWORDS = ["secret", "", "a password of more than the 32 bytes of any key"]
LONG = "".join(f" {i}" for i in range(900))


def send(program, port, folder, method, password, text):
    conf = folder / "send_nsca.cfg"
    conf.write_text((f"password={password}\n" if password else "")
                    + f"encryption_method={method}\n")
    done = subprocess.run(
        [program, "-H", "127.0.0.1", "-p", str(port), "-c", str(conf)],
        input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, timeout=30, env=dict(os.environ, TZ="Asia/Tokyo"))
    if done.returncode != 0:
        raise rig.Failure(f"send_nsca, method {method}: {done.stdout!r}")


def line(host, service, code, output):
    """What stands on standard input of send_nsca; ETB ends a check, so that
    its output can have several lines."""
    fields = [host] + ([service] if service is not None else []) \
        + [str(code), output]
    return b"\t".join(f if isinstance(f, bytes) else f.encode()
                      for f in fields) + b"\x17"


STORY = [
    line("web1", "disk", 2, r"DISK CRITICAL|/=97%;80;90\nfull\nof it|a=1"),
    line("web1", "Größe", 1, "Schlüssel läuft ab: 3 €"),
    line("latin", "alt", 1, "Gr\u00f6\u00dfe 5 \u20ac".encode("cp1252")),
    line("web1", None, 1, "PING down"),
    line("web1", "unknown", 3, "no answer"),
    line("web1", "lines", 2, "first | a=1;2\nsecond\nthird|b=2\nc=3"),
    line("web1", "fine", 0, "all is well"),
    line("long", "text", 2, "begin" + LONG),
]


def check_story(suite):
    alarms = rig.wait_for("the alarms of the story", lambda: (
        lambda a: a if ("long", "text") in a else None)(
            rows_by(suite, "alarms", "component", "resource")))
    expect("disk", alarms.get(("web1", "disk")), state=3, connector="nsca",
           connector_name="lab", output="DISK CRITICAL")
    expect("Größe", alarms.get(("web1", "Größe")), state=1,
           output="Schlüssel läuft ab: 3 €")
    expect("latin", alarms.get(("latin", "alt")), state=1, output="Größe 5 €")
    expect("host", alarms.get(("web1", "")), state=3, output="PING down")
    expect("unknown", alarms.get(("web1", "unknown")), state=2)
    expect("long", alarms.get(("long", "text")), state=3,
           output=re.compile("^begin 0 1 2 .* 800 "))
    if ("web1", "fine") in alarms:
        raise rig.Failure("an OK opened an alarm")
    rig.wait_for("the last checks", lambda: ("long", "text") in rows_by(
        suite, "events", "component", "resource"))
    events = rows_by(suite, "events", "component", "resource")
    expect("disk's check", events.get(("web1", "disk")),
           long_output="full\nof it", event_type="check", state=3)
    if not 0 <= time.time() - events[("web1", "disk")]["timestamp"] < 600:
        raise rig.Failure(f"disk's time: {events[('web1', 'disk')]}")
    expect("lines", events.get(("web1", "lines")), output="first",
           long_output="second\nthird")
    metrics = rows_by(suite, "metrics", "entity_id", "name")
    for name in ("a", "b", "c"):
        expect("a metric", metrics.get(
            ("/resource/nsca/lab/web1/lines", name)), name=name)
    entities = rows_by(suite, "entities", "component", "resource")
    expect("fine's entity", entities.get(("web1", "fine")), type="resource")


def test(suite, connectors):
    program, = need("send_nsca")
    port, = rig.free_ports(1)
    sent = 0
    for name, number in METHODS:
        for i, password in enumerate(PASSWORDS):
            if number == 0 and i > 0:
                continue
            file = suite.dir / f"password{i}"
            file.write_text(password + "\n")
            file.chmod(0o600)
            settings = {"port": port, "method": name}
            if password:
                settings["password_file"] = file
            connector = Connector(suite, "nsca", settings) \
                if not connectors else connectors[0].again(settings)
            connectors[:] = [connector]
            first = f"{name}-{i}"
            send(program, port, suite.dir, number, password,
                 line(first, "a", 2, "first") + line(first, "b", 2, "second"))
            sent += 2
            if number in (0, 14) and i == 0:
                send(program, port, suite.dir, number, password,
                     b"".join(STORY))
            rig.wait_for(f"{first} taken", lambda c=connector:
                         c.metric("events_total") >= 3)
            connector.stop()
    alarms = rig.wait_for("an alarm of each method", lambda: (
        lambda a: a if sum(r[1] in ("a", "b") for r in a) == sent else None)(
            rows_by(suite, "alarms", "component", "resource")))
    for (component, resource), row in alarms.items():
        if resource in ("a", "b"):
            expect(f"{component} {resource}", row, state=3)
    check_story(suite)
    check_wrong(suite, program, port, connectors)


def check_wrong(suite, program, port, connectors):
    """A wrong password or method is told, and takes nothing."""
    file = suite.dir / "password0"
    connector = connectors[0].again({"port": port, "method": "rijndael-128",
                                     "password_file": file})
    connectors[:] = [connector]
    for count, (method, password) in enumerate(
            [(14, "wrong"), (3, "secret"), (1, "secret"), (0, "")], 1):
        send(program, port, suite.dir, method, password,
             line("never", "seen", 2, "x"))
        rig.wait_for("a wrong packet refused", lambda n=count:
                     connector.metric("refused_total") == n)
    if not re.search("CONNECTOR-REFUSED .*127.0.0.1.*password",
                     connector.log_tail()):
        raise rig.Failure(f"not told: {connector.log_tail()}")
    connector.stop()
    if ("never", "seen") in rows_by(suite, "events", "component", "resource"):
        raise rig.Failure("a wrong packet made an event")
