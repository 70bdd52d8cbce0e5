# SPDX-License-Identifier: Apache-2.0
"""hyp send --amqp before, during and after an outage of the broker."""
import json
import subprocess

from senders import expect, rig, rows_by

KEPT = 50  # events of one call, while the broker is away


def send(suite, *events):
    """Exit status and what it says."""
    done = subprocess.run(
        [str(rig.BUILD / "cli" / "hyp"), "send", "--amqp", "--config-dir",
         str(suite.dir / "etc"), "--spool", str(suite.dir / "hyp-spool")],
        input="".join(events), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, text=True, timeout=120)
    return done.returncode, done.stdout


def event(number, state):
    return json.dumps({
        "connector": "cli", "connector_name": "hyp", "component": "web1",
        "resource": "disk", "state": state, "output": f"number {number}"}) \
        + "\n"


def expect_said(got, code, *words):
    if got[0] != code or not all(w in got[1] for w in words):
        raise rig.Failure(f"hyp send --amqp: exit status {got[0]}, "
                          f"{got[1]!r}; expected {code} and {words}")


def before(suite):
    expect_said(send(suite, event(1, 0)), 0, "1 accepted, 0 refused")


def during(suite):
    """One of another form is refused at once; the others are kept."""
    expect_said(send(suite, *[event(n, 2) for n in range(2, 2 + KEPT)],
                     event(2 + KEPT, 9)), 4, f"{KEPT} accepted, 1 refused",
                f"{KEPT} events wait in", "cannot reach")
    expect_said(send(suite, event(3 + KEPT, 3)), 0, "1 accepted, 0 refused",
                f"{KEPT + 1} events wait in")


def after(suite):
    """The next call takes along what waits."""
    got = send(suite, event(4 + KEPT, 1))
    expect_said(got, 0, "1 accepted, 0 refused")
    if "wait in" in got[1]:
        raise rig.Failure(f"something is left: {got[1]}")


def check(suite):
    """Each applied once, in order."""
    row = rows_by(suite, "alarms", "resource").get(("disk",))
    expect("the alarm", row, state=1, output=f"number {4 + KEPT}",
           events_count=2 + KEPT)
    values = [r["value"] for _, _, r in sorted(
        suite.rows("steps"), key=lambda item: item[2]["step"])
        if r["alarm_id"] == row["id"] and r["type"].startswith("state")]
    if values != [2, 3, 1]:
        raise rig.Failure(f"states in order 2, 3, 1 expected, found {values}")
