# SPDX-License-Identifier: Apache-2.0
"""A store backed up while events flow, and moved to the other kind and back in
the middle of a story: by hyp backup and hyp restore."""
import subprocess

import rig
import run

HOW_LONG_S = 60
REFUSED = 1
OWN = ("receipts", "ids", "outbox", "deltas")


def hyp(suite, *args, uri=None):
    """Exit status and what it says."""
    more = ["--store", uri] if uri else []
    done = subprocess.run(
        [str(rig.BUILD / "cli" / "hyp"), *[str(a) for a in args], *more,
         "--config-dir", str(suite.dir / "etc")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, text=True, timeout=HOW_LONG_S)
    return done.returncode, done.stdout


def do(suite, *args, uri=None):
    status, said = hyp(suite, *args, uri=uri)
    if status != 0:
        raise rig.Failure(f"hyp {args}: exit status {status}: {said}")
    return said


def rows_of(uri):
    """Without those that only their writer reads, as on SQLite: backup_suite.c
    compares these too."""
    return sorted(line for line in
                  rig.run(rig.TOOLS / "store_dump", uri).split("\n")
                  if line.split("\t")[0] not in OWN)


def check_steps(uri):
    """What one engine has in two collections is of one moment."""
    steps, alarms = {}, {}
    for line in rows_of(uri)[1:]:
        collection, key, _ = line.split("\t", 2)
        if collection == "steps":
            alarm = key.rsplit(",", 1)[0]
            steps[alarm] = steps.get(alarm, 0) + 1
        elif collection in ("alarms", "alarms_resolved"):
            alarms[key] = int(line.split('"steps_count":')[1].split(",")[0]
                              .rstrip("}"))
    if not alarms or steps != alarms:
        raise rig.Failure(f"steps by alarm: {steps}, the alarms count "
                          f"{alarms}")
    return len(alarms)


def backup_online(suite, name):
    """Taken under load it is one moment of each engine; while a suite runs
    nothing is put in the place of its store."""
    path = suite.dir / name
    rig.say("  " + do(suite, "backup", path).strip())
    do(suite, "backup", "--verify", path)
    scratch = f"sqlite:{suite.dir / name}.store"
    do(suite, "restore", path, uri=scratch)
    rig.say(f"  {check_steps(scratch)} alarms with all of their steps")
    status, said = hyp(suite, "restore", path, "--replace", "--yes")
    if status != REFUSED or "is in use" not in said:
        raise rig.Failure(f"restored into a store in use: {status}: {said}")


def move(told, name, uri):
    """The stopped suite goes on with another store, which gets all of it."""
    suite = told.suite
    suite.web.stop()
    suite.stop_all()
    do(suite, "backup", suite.dir / name)
    do(suite, "restore", suite.dir / name, uri=uri)
    if rows_of(suite.uri) != rows_of(uri):
        raise rig.Failure(f"{uri} holds other rows than {suite.uri}")
    rig.say(f"  {len(rows_of(uri))} rows are the same on {uri.split(':')[0]}")
    suite.uri = uri
    suite.configure()
    suite.start_all()
    suite.start_web()


def test_moves(servers, store, case):
    """To MongoDB after a third of the story, back after another one."""
    if not servers.has_mongod:
        servers.start_mongod()
    told = run.Run(servers, "moves", store, case.plain.story)
    third = len(told.story.messages) // 3
    told.feed.allow(third)
    told.feed.wait(third // 2)
    backup_online(told.suite, "online")
    told.feed.wait(third)
    move(told, "first", servers.mongod("uri", told.suite.name).strip())
    told.feed.allow(2 * third)
    told.feed.wait(third + third // 2)
    backup_online(told.suite, "online2")
    told.feed.wait(2 * third)
    move(told, "second", f"sqlite:{told.suite.dir / 'store2'}")
    told.feed.allow(len(told.story.messages))
    told.wait_end()
    told.finish(case.plain.oracle)
