# SPDX-License-Identifier: Apache-2.0
"""What a store holds as text that two runs of one story share: without ids
made by chance and without times of receipt."""
import difflib
import json

# Made by chance, of the time of receipt, or rewritten now and then only.
VOLATILE = {
    # Written once a minute and at a stop: a kill takes what is newer.
    "entities": ("last_event_at", "created_at"),
    "dead_counts": ("last_at",),
    "alarms": ("id", "_version", "_seen_rx", "_change_rx",
               "_changed_rx", "_nonok_rx", "_onset"),
    "steps": ("alarm_id",),
    "tracks": ("_version", "_seen_rx", "_change_rx"),
    "events": ("id", "received_at"),
    "events_log": ("id", "received_at"),
    "metrics": ("n", "was", "last"),
    "dead": ("id", "at", "position"),
}
VOLATILE["alarms_resolved"] = VOLATILE["alarms"]
# Where points lie depends on when they were folded: the dump shows them all.
PRIVATE = ("receipts", "ids", "blocks", "chunks", "rollups")
EMPTY_AFTER_STOP = ("outbox", "deltas")
SHOWN = 20
WIDTH = 1000


def text_of(label, row, collection):
    kept = {k: v for k, v in row.items()
            if k not in VOLATILE.get(collection, ())}
    if collection == "events_log" and row.get("event_type") != "check":
        # These bring no infos. Context adds those of the entity, and to one
        # that it forwards again what it knows by then.
        kept.pop("infos", None)
    if kept.get("_cancel"):
        kept["_cancel"] = dict(kept["_cancel"], rx=0)
    if kept.get("snooze"):
        kept["snooze"] = dict(kept["snooze"], until=0)
    if kept.get("type") == "snooze":
        kept["value"] = 0
    return f"{collection} {label} {json.dumps(kept, sort_keys=True)}"


def label_alarms(rows):
    """Alarm id: entity and which of its alarms, by time."""
    alarms = sorted((row["entity_id"], row["opened_at"], row["id"])
                    for collection, _, row in rows
                    if collection in ("alarms", "alarms_resolved"))
    labels, seen = {}, {}
    for entity, _, alarm in alarms:
        seen[entity] = seen.get(entity, 0) + 1
        labels[alarm] = f"{entity}#{seen[entity]}"
    return labels


def label(collection, key, alarms, metrics):
    if collection in ("alarms", "alarms_resolved"):
        return alarms[key]
    if collection == "steps":
        alarm, step = key.rsplit(",", 1)
        return f"{alarms.get(alarm, 'of no alarm')} {step}"
    if collection == "points":
        number, at = key.split(",")
        return f"{metrics.get(int(number), 'of no metric')} {at}"
    if collection in ("events_log", "dead"):
        return ""
    return key


def dump(suite):
    """Sorted lines."""
    rows = list(suite.rows())
    alarms = label_alarms(rows)
    metrics = {row["n"]: key for collection, key, row in rows
               if collection == "metrics"}
    return sorted(text_of(label(c, key, alarms, metrics), row, c)
                  for c, key, row in rows if c not in PRIVATE)


def count(lines, collection):
    return sum(line.startswith(collection + " ") for line in lines)


def difference(wanted, found):
    """Lines of a diff, [] when equal."""
    if wanted == found:
        return []
    lines = [line[:WIDTH] for line in difflib.unified_diff(wanted, found, "plain",
                                                   "faulty", n=0, lineterm="")
             if not line.startswith("@@")]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"... and {len(lines) - SHOWN} more"]
    return lines
