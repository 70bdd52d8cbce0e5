# SPDX-License-Identifier: Apache-2.0
"""Connectors under test, and the real senders of the distribution, run in the
foreground on ports and files of ours: none of their services is touched."""
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
import rig  # noqa: E402 pylint: disable=wrong-import-position


class Connector:
    """One connector on a suite's broker, in a folder of its own."""

    def __init__(self, suite, name, settings, section_name="lab"):
        self.suite = suite
        self.name = name
        self.dir = suite.dir / f"connector-{name}"
        (self.dir / "spool").mkdir(parents=True, exist_ok=True)
        lines = [f"{key} = {value}" for key, value in settings.items()]
        path = suite.dir / "etc" / "connectors" / f"{name}.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"[connector]\nname = {section_name}\nspool_dir = {self.dir}/spool"
            f"\nself_interval = 2s\n[process]\nstatus_dir = {self.dir}\n"
            f"[{name}]\n" + "\n".join(lines) + "\n")
        self.log = self.dir / "log"
        self.process = None
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(rig.BUILD / f"connector-{self.name}"), "--config-dir",
                 str(self.suite.dir / "etc")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        rig.wait_for(f"connector-{self.name} ready", self.is_ready)

    def again(self, settings):
        """The same with other settings, after its end."""
        return Connector(self.suite, self.name, settings)

    def status(self):
        path = self.dir / f"connector-{self.name}.status"
        try:
            status = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return status if status["pid"] == self.process.pid else {}

    def metric(self, name):
        return self.status().get("metrics", {}).get(f"hypervise_connector_{name}", 0)

    def is_ready(self):
        if self.process.poll() is not None:
            raise rig.Failure(f"connector-{self.name} ended with status "
                              f"{self.process.returncode}: {self.log_tail()}")
        return self.status().get("ready", False)

    def log_tail(self):
        return self.log.read_text()[-2000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        if self.process.wait(rig.PATIENCE_S) != 0:
            raise rig.Failure(f"connector-{self.name} stopped with status "
                              f"{self.process.returncode}: {self.log_tail()}")


class Server:
    """A program of the distribution in the foreground."""

    def __init__(self, args, log):
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [str(a) for a in args], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, cwd=log.parent)

    def check(self):
        if self.process.poll() is not None:
            raise rig.Failure(f"{self.log.name} ended: "
                              f"{self.log.read_text()[-2000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def need(*programs):
    """Their paths; None, and told, when one is not installed."""
    paths = [shutil.which(p, path="/usr/bin:/usr/sbin:/bin:/sbin")
             for p in programs]
    for program, path in zip(programs, paths):
        if path is None:
            raise rig.Failure(f"{program} is not installed: see the packages "
                              "for tests in build-install.sh")
    return paths


def make_certificates(folder):
    """ca.pem and, of it, server.pem (for localhost) and client.pem; stranger.pem
    is of another authority. Each with its .key."""
    certtool, = need("certtool")
    forms = {
        "ca": "cn = test\nca\ncert_signing_key\n",
        "other": "cn = other\nca\ncert_signing_key\n",
        "server": "cn = localhost\ndns_name = localhost\ntls_www_server\n"
                  "ip_address = 127.0.0.1\nsigning_key\nencryption_key\n",
        "client": "cn = client\ntls_www_client\nsigning_key\n",
        "stranger": "cn = client\ntls_www_client\nsigning_key\n"}
    for name, form in forms.items():
        (folder / f"{name}.info").write_text(form)
        rig.run(certtool, "--generate-privkey", "--key-type", "ecdsa",
                "--outfile", folder / f"{name}.key", stderr=subprocess.DEVNULL)
        authority = "other" if name == "stranger" else "ca"
        how = ["--generate-self-signed"] if "\nca\n" in form else [
            "--generate-certificate", "--load-ca-certificate",
            folder / f"{authority}.pem", "--load-ca-privkey",
            folder / f"{authority}.key"]
        rig.run(certtool, *how, "--load-privkey", folder / f"{name}.key",
                "--template", folder / f"{name}.info", "--outfile",
                folder / f"{name}.pem", stderr=subprocess.DEVNULL)


def tls_context(folder, name=None):
    """Of a client that trusts ca.pem and has the certificate of that name."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if name is not None:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def rows_by(suite, collection, *keys):
    """Rows of a collection, the newest under each key."""
    found = {}
    for _, _, row in suite.rows(collection):
        found[tuple(row.get(k, "") for k in keys)] = row
    return found


def expect(what, got, **want):
    """The members of a row; a compiled pattern matches a text."""
    if got is None:
        raise rig.Failure(f"{what}: is missing")
    for key, value in want.items():
        have = got.get(key)
        good = value.search(have or "") if isinstance(value, re.Pattern) \
            else have == value
        if not good:
            raise rig.Failure(f"{what}: {key} is {repr(have)[-500:]}, expected "
                              f"{repr(value)[-500:]} in "
                              f"{json.dumps(got)[:1500]}")
