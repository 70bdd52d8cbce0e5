# SPDX-License-Identifier: Apache-2.0
"""Small stories told to the whole chain: states within one second, and what
cannot be taken."""
import json
import time

import rig
import run


def flap(number, second, state):
    """A check with a timestamp in whole seconds and equal bodies."""
    return {"connector": "flap", "connector_name": "one",
            "event_type": "check", "source_type": "resource",
            "component": "host", "resource": f"service{number}",
            "timestamp": second, "state": state, "output": "as ever"}


def send(suite, text, key="any.key", exchange="canopsis.events"):
    """One message, as any connector sends it: no message-id."""
    path = suite.dir / "message"
    path.write_bytes(text if isinstance(text, bytes)
                     else json.dumps(text).encode())
    suite.amqp("publish", "-a", "-x", exchange, "-k", key,
                 "-t", "application/json", path)


def test_same_second(servers, store, _):
    """2, 0, 2 within a second is an open alarm, killed in between or not."""
    suite = rig.Suite(servers, "second", store, run.OPTIONS)
    suite.start_all()
    names = ["nothing"] + list(suite.list)
    for number, name in enumerate(names):
        second = int(time.time())
        for state in (2, 0, 2):
            send(suite, flap(number, second, state))
            if name in suite.engines:
                suite.engines[name].kill()
                suite.start(name)
        suite.wait_ready()
    rig.wait_for("every alarm open", lambda: sum(
        row["state"] == 2 and row["events_count"] == 3
        for _, _, row in suite.rows("alarms")) == len(names))
    suite.stop_all()
    for _, key, row in suite.rows("alarms"):
        if (row["state"], row["status"], row["events_count"],
                row["steps_count"]) != (2, 1, 3, 6):
            raise rig.Failure(f"alarm {key}: {row}")


GOOD = {"connector": "bad", "connector_name": "input", "event_type": "check",
        "component": "host", "state": 0, "output": "fine"}


def changed(**members):
    """A good event with some members changed, or removed where None."""
    event = dict(GOOD, **members)
    return {k: v for k, v in event.items() if v is not None}


# What is sent, and the field that the dead letter must name.
BAD_INPUT = [
    ("not JSON", b"no JSON at all", ""),
    ("truncated", json.dumps(GOOD).encode()[:40], ""),
    ("2 MiB", json.dumps(changed(output="x" * 2 * 1024 * 1024)).encode(), ""),
    ("depth 1,000", b'{"a":' * 1000 + b"1" + b"}" * 1000, ""),
    ("invalid UTF-8", json.dumps(changed(output="@")).encode()
     .replace(b"@", b"\xff\xfe"), ""),
    ("wrong type", changed(component=[1, 2]), "component"),
    ("wrong type of state", changed(state={"is": "bad"}), "state"),
    ("unknown type", changed(event_type="nonsense"), "event_type"),
    ("no component", changed(component=None), "component"),
    ("no state", changed(state=None), "state"),
    ("state 9", changed(state=9), "state"),
]


def expect_dead(suite, count):
    def enough():
        rows = [row for _, _, row in suite.rows("dead")]
        return rows if len(rows) >= count else None
    return rig.wait_for(f"{count} dead letters", enough)


def send_bad(suite):
    for count, (name, text, field) in enumerate(BAD_INPUT, 1):
        key = f"bad.{count}"
        send(suite, text, key)
        rows = expect_dead(suite, count)
        row = [r for r in rows if r["routing_key"] == key]
        if not row or not row[0]["reason"] or \
                (field and field not in row[0]["field"] + row[0]["reason"]):
            raise rig.Failure(f"{name}: expected a dead letter that names "
                              f"\"{field}\", found {row}")
        rig.say(f"  {name}: {row[0]['field']}: {row[0]['reason'][:90]}")


def feeder(resource):
    """As the feeder of 2024 sends it: everything, most of it null."""
    nothing = ("_id", "status", "current_alarm", "current_entity", "timestamp",
               "rt", "extra", "alarm_change", "tags")
    empty = ("perf_data", "output", "long_output", "author", "user_id",
             "routing_key", "stat_name", "initiator")
    event = dict.fromkeys(nothing)
    event.update(dict.fromkeys(empty, ""))
    event.update(connector="feeder2", connector_name="feeder2_inst0",
                 event_type="check", component="feeder2_0",
                 resource=resource, source_type="resource", state=3,
                 debug=False, pbehavior_info={"id": "", "type": None})
    return event


def old_form(resource):
    """As connectors of 2015 send it."""
    return {"connector": "nagios", "connector_name": "old", "state": "2",
            "event_type": "check", "source_type": "resource",
            "component": "a.b", "resource": resource, "state_type": 1,
            "timestamp": int(time.time()), "output": "CRITICAL",
            "tags": "one", "hostgroups": ["g"], "perf_data": "'/'=95%;80;90",
            "perf_data_array": [{"metric": "m", "value": 1, "unit": "s"}]}


def send_good(suite):
    later = changed(component="later", state=2)
    send(suite, [changed(component=None), later], "array")
    send(suite, changed(component="nan", state=2,
                          perf_data="load=nan used=5"), "nan")
    send(suite, changed(component="future", state=2,
                          timestamp=253000000000), "future")
    ways = [("canopsis.events", "any.key"), ("", "Engine_che"),
            ("", "Engine_fifo")]
    for number, (exchange, key) in enumerate(ways):
        send(suite, feeder(f"new{number}"), key, exchange)
        send(suite, old_form(f"old{number}"), key, exchange)
    wanted = 3 + 2 * len(ways)
    rig.wait_for(f"{wanted} alarms", lambda: len(list(
        suite.rows("alarms"))) == wanted)


def test_bad_input(servers, store, _):
    """What cannot be taken is told why; what stands beside it passes."""
    suite = rig.Suite(servers, "bad", store, run.OPTIONS)
    suite.start_all()
    send_bad(suite)
    send_good(suite)
    expect_dead(suite, len(BAD_INPUT) + 1)
    suite.stop_all()
    rows = list(suite.rows("events", "metrics", "dead"))
    metrics = {row["name"] for c, _, row in rows if c == "metrics"
               and "/nan/" in row["id"] + "/"}
    future = [row for c, _, row in rows
              if c == "events" and row["component"] == "future"]
    n_dead = sum(c == "dead" for c, _, _ in rows)
    if metrics != {"used", "cps_state"}:
        raise rig.Failure(f"load=nan: metrics {metrics}")
    if not future or future[0]["timestamp"] > time.time() + run.SINCE_S \
            or future[0]["extra"]["original_timestamp"] != 253000000000:
        raise rig.Failure(f"year 9999: {future}")
    if n_dead != len(BAD_INPUT) + 1:
        raise rig.Failure(f"{n_dead} dead letters")
