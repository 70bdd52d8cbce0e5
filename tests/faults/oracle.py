# SPDX-License-Identifier: Apache-2.0
"""What must come of a story: the chain as one function of one event after
the other, without a broker, a store or a second process.

It is written from docs/events.md and docs/engines/*.md, and shares nothing
with the engines but these pages. It knows no timers: the options of run.py
put every one of them beyond the end of a run."""
import json

OK = 0
OFF, ONGOING, FLAPPING, CANCELLED = 0, 1, 3, 4
FLAPPING_CHANGES = 10
BAD_STATES = (None, 9)
LOGGED = ("log", "trap", "user")
COLLECTD = ("load-shortterm", "load-midterm", "load-longterm")


def ms_of(seconds):
    return round(seconds * 1000)


def entity_id(event, kind=None, names=("component", "resource")):
    kind = kind or ("resource" if event.get("resource") else "component")
    parts = [event[n] for n in names if event.get(n)]
    return "/".join(["", kind, event["connector"], event["connector_name"]]
                    + parts)


class Refused(Exception):
    """An action that does not apply."""


class Alarm:
    """The open alarm of one entity: its row, and what decides its future."""

    def __init__(self, event, known):
        t = ms_of(event["timestamp"])
        self.row = {
            "entity_id": entity_id(event), "state": OK, "status": OFF,
            "source_type": "resource" if event.get("resource")
            else "component",
            "connector": event["connector"],
            "connector_name": event["connector_name"],
            "component": event["component"],
            "resource": event.get("resource", ""),
            "output": "", "opened_at": t, "changed_at": t,
            "last_event_at": t, "resolved_at": None, "events_count": 0,
            "steps_count": 0, "ack": None, "canceled": False, "snooze": None,
            "ticket": None, "comment": None, "maintenance": None,
            "services": []}
        self.source = f"{event['connector']}.{event['connector_name']}"
        self.known = known  # the entity, for infos and tags
        self.steps = []
        self.step_t = t
        self.cancel_state = self.ack_state = None
        self.held = None  # the source's state when an operator set another
        self.source_state = OK

    def step(self, kind, event, value=None, author=None):
        """A step speaks in the time of its event, never before the last."""
        self.step_t = max(self.step_t, ms_of(event["timestamp"]))
        self.row["steps_count"] += 1
        step = {"step": self.row["steps_count"], "type": kind,
                "t": self.step_t, "value": value, "author": author or
                event.get("author", self.source),
                "message": event.get("output", "")}
        self.steps.append(step)
        return step

    def tell(self, step, before):
        """What listeners are told with it."""
        step.update(state=self.row["state"], status=self.row["status"],
                    previous={"state": before[0], "status": before[1]})

    def plain_step(self, kind, event, value=None):
        now = self.row["state"], self.row["status"]
        step = self.step(kind, event, value)
        self.tell(step, now)
        return step

    def set_state(self, state, event, kind=None):
        before = self.row["state"], self.row["status"]
        if kind is None:
            kind = "stateinc" if state > before[0] else "statedec"
        self.row["state"] = state
        step = self.step(kind, event, state)
        self.row["changed_at"] = step["t"]
        self.tell(step, before)

    def refresh_status(self, event, changes):
        """What the state, the changes so far and a cancel make of it."""
        if self.cancel_state is not None and \
                self.row["state"] > self.cancel_state:
            self.cancel_state = None
            self.row["canceled"] = False
            self.plain_step("uncancel", event)
        if self.cancel_state is not None:
            status = CANCELLED
        elif changes >= FLAPPING_CHANGES:
            status = FLAPPING
        else:
            status = OFF if self.row["state"] == OK else ONGOING
        before = self.row["state"], self.row["status"]
        if status != before[1]:
            self.row["status"] = status
            step = self.step("statusinc" if status > before[1]
                             else "statusdec", event, status)
            self.row["changed_at"] = step["t"]
            self.tell(step, before)

    def takes(self, state):
        """Whether what the source says counts, or an operator's word holds:
        until OK, or worse than both it and what the source said then."""
        self.source_state = state
        if self.held is None:
            return True
        if state != OK and (state <= self.row["state"] or state <= self.held):
            return False
        self.held = None
        return True

    # Actions. What they leave out of an alarm, they refuse.

    def mark(self, event, **more):
        return dict(author=event["author"], message=event.get("output", ""),
                    at=self.step_t, **more)

    def put(self, event, name, kind, value=None, **more):
        self.plain_step(kind, event, value)
        self.row[name] = self.mark(event, **more)

    def ack(self, event):
        if self.row["ack"] and self.row["state"] <= self.ack_state:
            raise Refused
        self.put(event, "ack", "ack")
        self.ack_state = self.row["state"]
        if event.get("ticket"):
            self.assocticket(event)

    def ackremove(self, event):
        if not self.row["ack"]:
            raise Refused
        self.plain_step("ackremove", event)
        self.row["ack"] = None

    def comment(self, event):
        if not event.get("output"):
            raise Refused
        self.put(event, "comment", "comment")

    def assocticket(self, event):
        self.put(event, "ticket", "assocticket", event["ticket"],
                 number=event["ticket"], url="")

    def cancel(self, event):
        if self.cancel_state is not None:
            raise Refused
        self.plain_step("cancel", event)
        self.cancel_state = self.row["state"]
        self.row["canceled"] = True

    def uncancel(self, event):
        if self.cancel_state is None:
            raise Refused
        self.plain_step("uncancel", event)
        self.cancel_state = None
        self.row["canceled"] = False

    def snooze(self, event):
        """Its end counts from the time of receipt, which no model knows."""
        self.put(event, "snooze", "snooze", "from receipt")

    def unsnooze(self, event):
        if not self.row["snooze"]:
            raise Refused
        self.plain_step("unsnooze", event)
        self.row["snooze"] = None

    def changestate(self, event):
        keep = event.get("keep_state", True)
        if event["state"] == self.row["state"] and \
                (self.held is not None) == keep:
            raise Refused
        self.held = self.source_state if keep else None
        self.set_state(event["state"], event, "changestate")


class Oracle:
    """Everything that stories leave behind, by collection and key."""

    def __init__(self, *stories):
        self.entities, self.metrics, self.points = {}, {}, {}
        self.alarms, self.events, self.changes = {}, {}, {}
        self.logged, self.dead, self.refused = [], [], []
        self.logged_states = {}
        for story in stories:
            self.cleaner = story.cleaner
            for message in story.messages:
                self.take(message)

    def take(self, message):
        if isinstance(message, list):
            for event in message:
                self.take_event(event)
        elif isinstance(message, dict):
            self.take_event(message)
        elif message.startswith("PUTVAL"):
            self.take_putval(message)
        else:
            self.dead.append((self.cleaner, "body", message))

    def take_event(self, event):
        wrong = self.wrong_field(event)
        if wrong:
            self.dead.append((self.cleaner, wrong, None))
            return
        kind = event["event_type"]
        event = {k: v for k, v in event.items() if v is not None}
        if kind in ("check", "perf"):
            self.take_entities(event)
            self.take_metrics(event)
        if kind == "check":
            self.take_check(event)
        elif kind != "perf":
            self.log(event)
            if kind not in LOGGED:
                self.take_action(event)

    @staticmethod
    def wrong_field(event):
        if not event["connector"]:
            return "connector"
        if not event["component"]:
            return "component"
        if event["event_type"] == "nonsense":
            return "event_type"
        needs_state = event["event_type"] in ("check", "changestate")
        return "state" if needs_state and event["state"] in BAD_STATES else ""

    # context

    def entity(self, event, kind, names):
        row = {"type": kind, "connector": event["connector"],
               "connector_name": event["connector_name"], "component": "",
               "resource": "", "enabled": True, "state": OK, "infos": {},
               "tags": [], "hostgroups": [], "servicegroups": []}
        row.update((n, event[n]) for n in names)
        row["name"] = row[names[-1]] if names else row["connector_name"]
        return self.entities.setdefault(entity_id(event, kind, names), row)

    def take_entities(self, event):
        self.entity(event, "connector", ())
        row = self.entity(event, "component", ("component",))
        if event.get("resource"):
            row = self.entity(event, "resource", ("component", "resource"))
        row["infos"].update(event.get("infos", {}))
        row["tags"] = event.get("tags", row["tags"])
        if event["event_type"] == "check":
            row["state"] = event["state"]

    # perfdata

    def metric(self, entity, name, t, value, **more):
        key = f"{entity}/{name}"
        row = dict({"entity_id": entity, "name": name, "type": "GAUGE"},
                   **more)
        self.metrics.setdefault(key, {}).update(row)
        self.points[key, t] = value

    def take_metrics(self, event):
        entity, t = entity_id(event), ms_of(event["timestamp"])
        if event["event_type"] == "check":
            hard = event.get("state_type", 1)
            self.metric(entity, "cps_state", t, event["state"] * 100
                        + 10 * hard)
        for item in event["perf_data"].split():
            name, text = item.split("=")
            value, *bounds = text.split(";")
            more = dict(zip(("warn", "crit", "min"), bounds))
            if "min" in more:
                more["min"] = float(more["min"])
            if value.endswith("MB"):
                value, more["unit"] = value[:-2], "MB"
            elif value.endswith("c"):
                value, more["type"] = value[:-1], "COUNTER"
            self.metric(entity, name, t, float(value), **more)

    def take_putval(self, text):
        words = text.split()
        host = words[1].split("/")[0]
        event = {"connector": "collectd", "connector_name": "collectd2event",
                 "component": host, "resource": "load", "event_type": "perf"}
        at, *values = words[-1].split(":")
        more = {"interval": 10} if len(words) == 4 else {}
        for name, value in zip(COLLECTD, values):
            self.metric(entity_id(event), name, int(at) * 1000, float(value),
                        min=0, max=5000, **more)
        self.take_entities(event)

    # eventstore

    def log(self, event):
        row = {k: event[k] for k in ("event_type", "component", "output",
                                     "author", "ticket") if k in event}
        self.logged.append((entity_id(event), ms_of(event["timestamp"]), row))

    # alarm

    def take_check(self, event):
        entity, state = entity_id(event), event["state"]
        if self.logged_states.get(entity, OK) != state:
            self.log(event)
        self.logged_states[entity] = state
        self.events[entity] = {
            "state": state, "output": event["output"],
            "state_type": event.get("state_type", 1),
            "timestamp": ms_of(event["timestamp"])}
        alarm = self.alarms.get(entity)
        worse = state > (alarm.row["state"] if alarm else OK)
        if alarm is None:
            if state == OK or not event.get("state_type", 1):
                return
            alarm = Alarm(event, self.entities[entity])
            self.alarms[entity] = alarm
        self.check_alarm(alarm, event, worse)

    def check_alarm(self, alarm, event, worse):
        alarm.row["events_count"] += 1
        alarm.row["last_event_at"] = ms_of(event["timestamp"])
        alarm.row["infos"] = dict(alarm.known["infos"])
        alarm.row["tags"] = alarm.known["tags"]
        entity, state = entity_id(event), event["state"]
        if event.get("state_type", 1) or not worse:
            alarm.row["output"] = event["output"]
            if alarm.takes(state) and state != alarm.row["state"]:
                self.changes[entity] = self.changes.get(entity, 0) + 1
                alarm.set_state(state, event)
        alarm.refresh_status(event, self.changes.get(entity, 0))

    def take_action(self, event):
        entity = entity_id(event)
        alarm = self.alarms.get(entity)
        try:
            if alarm is None:
                raise Refused
            getattr(alarm, event["event_type"])(event)
            alarm.refresh_status(event, self.changes.get(entity, 0))
        except Refused:
            self.refused.append((entity, event["event_type"],
                                 ms_of(event["timestamp"])))


# What a run left, in the terms of an oracle.

TIMES = ("t", "timestamp", "opened_at", "changed_at", "last_event_at", "at")


def in_ms(row):
    """Times of a stored row in milliseconds, through its marks."""
    return {k: ms_of(v) if k in TIMES and v is not None else
            in_ms(v) if isinstance(v, dict) and k != "infos" else v
            for k, v in row.items() if k != "until"}


def against(wanted, found):
    """What wanted says and found does not, as "member: wanted, found"."""
    if not isinstance(wanted, dict):
        return "" if wanted == found else f"expected {wanted}, found {found}"
    return "; ".join(f"{k}: expected {v}, found {found.get(k)}"
                     for k, v in wanted.items() if found.get(k) != v)


class Judge:
    """Compares a run with its oracle; wrong: what differs, a line each."""

    def __init__(self, oracle, rows, alerts, points):
        """rows: (collection, key, row); alerts: JSON texts; points: {(metric,
        ms): value}."""
        self.oracle = oracle
        self.wrong = []
        self.by = {}
        for collection, key, row in rows:
            self.by.setdefault(collection, []).append((key, in_ms(row)))
        self.alerts = [json.loads(text) for text in alerts]
        self.points = points

    def of(self, collection):
        return self.by.get(collection, [])

    def compare(self, what, wanted, found):
        """{key: row} each; what the oracle says of a row must be so."""
        for key in sorted(wanted.keys() - found.keys()):
            self.wrong.append(f"{what}: {key} is missing: {wanted[key]}")
        for key in sorted(found.keys() - wanted.keys()):
            self.wrong.append(f"{what}: {key} is too many: {found[key]}")
        for key in sorted(wanted.keys() & found.keys()):
            wrong = against(wanted[key], found[key])
            if wrong:
                self.wrong.append(f"{what}: {key}: {wrong}")

    def compare_lists(self, what, wanted, found):
        """As often as in the other, in any order."""
        def numbered(items):
            seen = {}
            for item in map(repr, items):
                seen[item] = seen.get(item, 0) + 1
            return {(item, n): n for item, n in seen.items()}
        self.compare(what, numbered(wanted), numbered(found))

    def alarms(self):
        rows = self.of("alarms") + self.of("alarms_resolved")
        self.entity_of = {key: row["entity_id"] for key, row in rows}
        self.compare_lists("alarms an entity", list(self.oracle.alarms),
                           list(self.entity_of.values()))
        self.compare("alarms", {e: a.row for e, a in
                                self.oracle.alarms.items()},
                     {row["entity_id"]: row for _, row in rows})

    def steps(self):
        wanted = {(entity, step["step"]): step
                  for entity, alarm in self.oracle.alarms.items()
                  for step in alarm.steps}
        self.compare("steps", {k: {m: v for m, v in step.items() if m not in
                                   ("state", "status", "previous")}
                               for k, step in wanted.items()},
                     {self.step_key(row): self.step_row(row)
                      for _, row in self.of("steps")})
        told = [a for a in self.alerts if a["step"] is not None]
        self.compare("alerts", wanted, {self.step_key(a):
                                        self.step_row(in_ms(a))
                                        for a in told})

    @staticmethod
    def step_row(row):
        if row["type"] == "snooze":
            row["value"] = "from receipt"
        return row

    def step_key(self, row):
        return (self.entity_of.get(row["alarm_id"], row["alarm_id"]),
                row["step"])

    def refusals(self):
        found = {a["event"]["id"]: (a["entity_id"], a["event"]["event_type"],
                                    ms_of(a["event"]["timestamp"]))
                 for a in self.alerts if a["type"] == "action_refused"}
        self.compare_lists("refused actions", self.oracle.refused,
                           list(found.values()))

    def log(self):
        """Each once, and of one entity in the order of its events."""
        rows = [row for _, row in self.of("events_log")]
        members = ("event_type", "component", "output", "author", "ticket")
        self.compare_lists(
            "events_log",
            [(e, t, tuple(row.get(m) for m in members))
             for e, t, row in self.oracle.logged],
            [(r["entity_id"], r["timestamp"],
              tuple(r.get(m) for m in members)) for r in rows])
        last = {}
        for row in sorted(rows, key=lambda r: position(r["id"])):
            entity, t = row["entity_id"], row["timestamp"]
            if last.get(entity, 0) > t:
                self.wrong.append(f"events_log: {entity}: {t} came after "
                                  f"{last[entity]}")
            last[entity] = t

    def dead(self):
        self.compare_lists(
            "dead letters", self.oracle.dead,
            [(row["engine"], row["field"], row["body"]
              if row["field"] == "body" else None)
             for _, row in self.of("dead")])

    def judge(self):
        self.compare("entities", self.oracle.entities,
                     dict(self.of("entities")))
        self.compare("metrics", self.oracle.metrics, dict(self.of("metrics")))
        self.compare("points", self.oracle.points, self.points)
        self.compare("events", self.oracle.events, dict(self.of("events")))
        self.alarms()
        self.steps()
        self.refusals()
        self.log()
        self.dead()
        return self.wrong


def position(event_id):
    """(message, place) of "<stream>-<n>-<index>"."""
    _, n, index = event_id.rsplit("-", 2)
    return int(n), int(index)
