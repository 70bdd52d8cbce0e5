# SPDX-License-Identifier: Apache-2.0
"""connector-alertmanager against prometheus, prometheus-alertmanager and
amtool."""
import base64
import datetime
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

from senders import (Connector, Server, expect, make_certificates, need, rig,
                     rows_by, tls_context)

PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{dir}/rules.yml"]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
      scheme: https
      tls_config: {{ca_file: "{dir}/ca.pem"}}
      basic_auth: {{username: prom, password: secret}}
scrape_configs:
  - job_name: target
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
"""
RULES = """
groups:
  - name: lab
    rules:
      - alert: TargetDown
        expr: up == 0
        labels: {severity: critical}
        annotations:
          summary: "Größe: {{ $labels.instance }} antwortet nicht"
          description: "first line\\nsecond line"
"""
ALERTMANAGER = """
route: {{receiver: lab, group_wait: 1s, group_interval: 1s,
         group_by: ["alertname"]}}
receivers:
  - name: lab
    webhook_configs:
      - url: "http://prom:secret@127.0.0.1:{port}/webhook"
        send_resolved: true
"""


LONG = "Größe " * 2000 + "end"


class Metrics(http.server.BaseHTTPRequestHandler):
    """A target to scrape."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"answers 1\n")

    def log_message(self, *args):
        pass


def alarm_of(suite, **want):
    for _, _, row in suite.rows("alarms", "alarms_resolved"):
        if all(row.get(k) == v for k, v in want.items()):
            return row
    return None


def check_begin(event):
    """When it began, in whatever zone that was told."""
    starts = event["extra"]["starts_at"]
    if not 0 <= time.time() - starts < 600:
        raise rig.Failure(f"startsAt: {starts}, now {time.time()}")


def test_prometheus(suite, folder, port):
    """A real rule fires, and resolves; by HTTPS."""
    prometheus, = need("prometheus")
    target, web = rig.free_ports(2)
    (folder / "prometheus.yml").write_text(
        PROMETHEUS.format(dir=folder, port=port, target=target))
    (folder / "rules.yml").write_text(RULES)
    server = Server([prometheus, f"--config.file={folder}/prometheus.yml",
                     f"--storage.tsdb.path={folder}/data",
                     f"--web.listen-address=127.0.0.1:{web}",
                     "--rules.alert.resend-delay=2s"], folder / "log")
    metrics = None
    name = "TargetDown{severity=critical}"
    try:
        row = rig.wait_for("the rule's alarm", lambda: server.check()
                           or alarm_of(suite, resource=name))
        expect("it", row, state=3, component="127.0.0.1",
               connector="alertmanager", connector_name="lab",
               output=f"Größe: 127.0.0.1:{target} antwortet nicht")
        rig.wait_for("its last check",
                     lambda: (name,) in rows_by(suite, "events", "resource"))
        event = rows_by(suite, "events", "resource")[(name,)]
        expect("its check", event, event_type="check",
               long_output="first line\nsecond line")
        # Prometheus says four times the interval that it resends in.
        if not 0 < event["ttl"] < 600:
            raise rig.Failure(f"ttl: {event['ttl']}")
        check_begin(event)
        expect("its labels", event["extra"]["labels"], alertname="TargetDown",
               job="target", severity="critical")
        expect("its entity", rows_by(suite, "entities", "resource").get(
            (name,)), type="resource")
        metrics = http.server.HTTPServer(("127.0.0.1", target), Metrics)
        threading.Thread(target=metrics.serve_forever, daemon=True).start()
        rig.wait_for("the alarm resolved",
                     lambda: alarm_of(suite, resource=name, state=0))
    finally:
        server.stop()
        if metrics is not None:
            metrics.shutdown()
            metrics.server_close()


def test_alertmanager(suite, folder, port):
    """Through Alertmanager's webhook."""
    program, amtool = need("prometheus-alertmanager", "amtool")
    web, = rig.free_ports(1)
    (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(port=port))
    server = Server([program, f"--config.file={folder}/alertmanager.yml",
                     f"--storage.path={folder}/am", "--cluster.listen-address=",
                     f"--web.listen-address=127.0.0.1:{web}"],
                    folder / "am.log")

    def add(*args):
        rig.run(amtool, f"--alertmanager.url=http://127.0.0.1:{web}", "alert",
                "add", "DiskFull", "host=db1", "severity=warning",
                "device=sda", *args)
    try:
        rig.wait_for("Alertmanager", lambda: server.check() or answers(web))
        add("--annotation=summary=Platte läuft voll",
            "--annotation=description=" + LONG)
        name = "DiskFull{device=sda,severity=warning}"
        row = rig.wait_for("the webhook's alarm",
                           lambda: alarm_of(suite, resource=name))
        expect("it", row, state=1, component="db1",
               output="Platte läuft voll")
        rig.wait_for("its last check",
                     lambda: (name,) in rows_by(suite, "events", "resource"))
        event = rows_by(suite, "events", "resource")[(name,)]
        expect("its check", event, event_type="check", long_output=LONG)
        check_begin(event)
        expect("its entity", rows_by(suite, "entities", "resource").get(
            (name,)), type="resource", component="db1")
        end = datetime.datetime.now(datetime.timezone.utc)
        add("--annotation=summary=over", "--end=" + end.strftime(
            "%Y-%m-%dT%H:%M:%SZ"))
        rig.wait_for("the webhook's alarm resolved",
                     lambda: alarm_of(suite, resource=name, state=0))
    finally:
        server.stop()


def answers(port, path="/-/ready"):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}",
                                    timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def post(port, path, body, user="prom:secret"):
    """Status and text of the answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=body, method="POST")
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if user:
        manager.add_password(None, f"http://127.0.0.1:{port}/",
                             *user.split(":"))
    opener = urllib.request.build_opener(
        urllib.request.HTTPBasicAuthHandler(manager))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_refused(connector, port):
    """What is no alert, and who may not post any."""
    good = {"labels": {"alertname": "x", "instance": "refused:9100"}}
    for body, user, want in (
            (b"no JSON", "prom:secret", 400),
            (b"{}", "prom:secret", 400),
            (json.dumps([good, {"labels": {}}]).encode(), "prom:secret", 400),
            (json.dumps([dict(good, endsAt="yesterday")]).encode(),
             "prom:secret", 400),
            (b"[" * 1000, "prom:secret", 400),
            (json.dumps([good]).encode(), "prom:wrong", 401),
            (json.dumps([good]).encode(), "", 401),
            (b" " * (5 * 1024 * 1024), "prom:secret", 413),
            (json.dumps([good]).encode(), "prom:secret", 200)):
        status, text = post(port, "/api/v2/alerts", body, user)
        if status != want and not (want == 400 and status == 413):
            raise rig.Failure(f"{body[:60]}: {status} {text}, expected {want}")
    if post(port, "/nowhere", b"x")[0] != 404:
        raise rig.Failure("an unknown path is not refused")
    rig.wait_for("refusals counted",
                 lambda: connector.metric("refused_total") >= 5)


def test_https(folder, port):
    """Who trusts our authority is answered, who speaks in the clear is not."""
    key = base64.b64encode(b"prom:secret").decode()
    request = urllib.request.Request(f"https://localhost:{port}/-/ready",
                                     headers={"Authorization": f"Basic {key}"})
    with urllib.request.urlopen(request, timeout=20,
                                context=tls_context(folder)) as answer:
        if answer.status != 200:
            raise rig.Failure(f"by HTTPS: {answer.status}")
    if answers(port):
        raise rig.Failure("answered in the clear")


def ready_by_https(folder, port, name):
    """Status for who has the certificate of that name, or none; 0: cut off."""
    key = base64.b64encode(b"prom:secret").decode()
    request = urllib.request.Request(f"https://localhost:{port}/-/ready",
                                     headers={"Authorization": f"Basic {key}"})
    try:
        with urllib.request.urlopen(
                request, timeout=20,
                context=tls_context(folder, name)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_client_certificates(connector, folder, port):
    """With tls_ca only who has a certificate of it is let in."""
    before = connector.metric("refused_total")
    for count, name in enumerate((None, "stranger"), 1):
        status = ready_by_https(folder, port, name)
        if status not in (0, 403):
            raise rig.Failure(f"{name or 'nobody'} was let in: {status}")
        rig.wait_for(f"{name} refused", lambda n=count:
                     connector.metric("refused_total") >= before + n)
    if "CONNECTOR-REFUSED" not in connector.log_tail() or \
            "TLS" not in connector.log_tail():
        raise rig.Failure(f"not told: {connector.log_tail()}")
    status = ready_by_https(folder, port, "client")
    if status != 200:
        raise rig.Failure(f"with a certificate: {status}")


def test_direct(suite, port):
    """Two alerts of one name keep apart; an end in the past is an OK."""
    now = time.time()

    def at(seconds):
        zone = datetime.timezone(datetime.timedelta(hours=-5))
        return datetime.datetime.fromtimestamp(now + seconds, zone).isoformat()
    alerts = [{"labels": {"alertname": "Twin", "instance": "[::1]:9100",
                          "severity": "page", "disk": d},
               "startsAt": at(-60), "endsAt": at(end)}
              for d, end in (("a", 300), ("b", 300), ("c", -5))]
    status, text = post(port, "/prefix/api/v2/alerts",
                        json.dumps(alerts).encode())
    if status != 200:
        raise rig.Failure(f"{status} {text}")
    for disk in "ab":
        row = rig.wait_for(f"the alarm of {disk}", lambda d=disk: alarm_of(
            suite, resource="Twin{disk=%s,severity=page}" % d))
        expect(disk, row, state=3, component="::1")
    events = rig.wait_for("the resolved one", lambda: (
        lambda e: e if ("Twin{disk=c,severity=page}",) in e else None)(
            rows_by(suite, "events", "resource")))
    expect("c", events[("Twin{disk=c,severity=page}",)], state=0)
    starts = events[("Twin{disk=a,severity=page}",)]["extra"]["starts_at"]
    if abs(starts - (now - 60)) > 1:
        raise rig.Failure(f"startsAt: {starts}, expected {now - 60}")


def test(suite, connectors):
    port, = rig.free_ports(1)
    folder = suite.dir / "prometheus"
    folder.mkdir()
    secret = suite.dir / "secret"
    secret.write_text("secret\n")
    secret.chmod(0o600)
    connector = Connector(suite, "alertmanager", {
        "port": port, "user": "prom", "password_file": secret})
    connectors.append(connector)
    test_direct(suite, port)
    test_refused(connector, port)
    test_alertmanager(suite, folder, port)
    connector.stop()
    make_certificates(folder)
    connector = connector.again({
        "port": port, "user": "prom", "password_file": secret,
        "tls_certificate": folder / "server.pem",
        "tls_key": folder / "server.key"})
    connectors[:] = [connector]
    test_https(folder, port)
    test_prometheus(suite, folder, port)
    connector.stop()
    connector = connector.again({
        "port": port, "user": "prom", "password_file": secret,
        "tls_certificate": folder / "server.pem",
        "tls_key": folder / "server.key", "tls_ca": folder / "ca.pem"})
    connectors[:] = [connector]
    test_client_certificates(connector, folder, port)
    connector.stop()
