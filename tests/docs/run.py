#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run every command that stands in a page of docs/, on one running suite.

usage: run.py PREFIX [PAGE]...     (a page as in docs/hyp.md)

A command is a line of an indented block, or of a fenced one without language
or with `sh`, that begins with "$ " or with the name of a program (PROGRAMS); a
backslash at its end continues it. Lines behind one with "$ " are what it must
print: blanks count once, "..." is anything, as a line of its own any lines;
ids, times and spans differ from run to run and are only compared by their
form. A JSON block of docs/events.md is an event that must be taken. A command
in running text, `hyp alarm ack`, must exist.

The commands of a page run one after the other in one shell, in a folder of
their own. What is not run stands in cannot.list with the reason."""
import collections
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PAGE_S = 120  # a page's commands together
SETTLE_S = 30
PROGRAMS = re.compile(
    r"(hyp|hypcontrol|service|curl|logger|make|git|cp|cat|tail|autoreconf|url|tar|gpg|"
    r"my-check|send_nsca|rabbitmq\w+|systemctl|amtool|for|until|"
    r"\$EDITOR|\.\.?/\S+|/opt/hypervise/s?bin/\S+|"
    r"(engine|connector)-[a-z-]+|webserver|sbin/\S+|libexec/\S+)"
    r"(?= [\x21-\x7e]|=|$)")
FENCE = re.compile(r"^```(\w*)")
INLINE = re.compile(r"`(hyp(?: [a-z][a-z-]*)+)")
MASKS = [  # of what a run prints and no other would
    (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?\b",
     "TIME"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b\d+(\.\d+)?(ms|s|m|h|d)\b", "SPAN"),
    (r"\b\d+(\.\d+)? ([kMG]?i?B|rows|processes)\b", "MANY"),
    (r"\b[0-9a-f]{8,}(-[0-9a-f]+)*\b", "ID"),
]

# What a terminal is asked about, and a script says yes to.
ASKED = re.compile(r"hyp (alarm|entity|dead|apply) (?!list|count|show)")

# What the command before it may need a moment for.
SETTLED = "hyp doctor"

Command = collections.namedtuple("Command", "page line text wanted")


class Failure(Exception):
    """What a page says and the suite does not."""


def blocks(lines):
    """(language, number of the first line, lines) of each block."""
    found, language, begun = [], None, 0
    body = []
    for number, line in enumerate(lines + [""], 1):
        fence = FENCE.match(line)
        if fence and language is None:
            language, begun, body = fence.group(1), number + 1, []
        elif fence:
            found.append((language, begun, body))
            language, body = None, []
        elif language is not None:
            body.append(line)
        elif line.startswith("    ") and (body or is_begin(lines, number)):
            begun = begun if body else number
            body.append(line[4:])
        elif body:
            found.append(("", begun, body))
            body = []
    return found


def is_begin(lines, number):
    """An indented line is code only behind an empty line, outside of lists."""
    if number >= 2 and lines[number - 2].strip():
        return False
    before = [line for line in lines[:number - 1] if line.strip()]
    return not before or not re.match(r"\s*(\d+\.|-) |   \S", before[-1])


def commands_of(page, lines):
    for language, begun, body in blocks(lines):
        if language not in ("", "sh"):
            continue
        last = None
        i = 0
        while i < len(body):
            line, number = body[i], begun + i
            i += 1
            marked = line.startswith("$ ")
            if not marked and not PROGRAMS.match(line):
                if last is not None and last.wanted is not None:
                    last.wanted.append(line)
                elif looks_like_one(line):
                    raise Failure(f"{page}:{number}: is \"{line}\" a command? "
                                  "PROGRAMS does not know it")
                continue
            text = line[2:] if marked else line
            while text.endswith("\\") and i < len(body):
                text += "\n" + body[i]
                i += 1
            last = Command(page, number, text, [] if marked else None)
            yield last


def looks_like_one(line):
    words = line.split()
    return len(words) > 1 and words[1] != "=" and words[1].isascii() and \
        re.fullmatch(r"[a-z][a-z0-9_-]*", words[0]) is not None and \
        shutil.which(words[0]) is not None


def read_cannot():
    """(page, command) patterns and the reason."""
    rows = []
    for line in (HERE / "cannot.list").read_text().splitlines():
        if line and not line.startswith("#"):
            page, pattern, reason = (part.strip() for part in line.split("|"))
            rows.append([page, pattern, reason, 0])
    return rows


class Suite:
    """The installation, and what the pages' examples speak of."""

    def __init__(self, prefix):
        self.prefix = pathlib.Path(prefix)
        self.env = dict(os.environ, PATH=f"{prefix}/bin:{os.environ['PATH']}",
                        TZ="UTC", NO_COLOR="1", EDITOR="true")
        urls = json.loads(self.run("hypcontrol urls --json"))
        self.api = urls["api"]
        self.amqp_port = self.setting("amqp_port")
        self.cannot = read_cannot()

    def setting(self, name):
        text = (self.prefix / "etc" / "install.conf").read_text()
        return re.search(rf"^{name}=(.*)$", text, re.M).group(1)

    def run(self, script, folder="/"):
        done = subprocess.run(["bash", "-c", script], cwd=folder,
                              env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False,
                              text=True, timeout=PAGE_S)
        if done.returncode != 0:
            raise Failure(f"{script}: exit status {done.returncode}: "
                          f"{done.stdout[-2000:]}")
        return done.stdout

    def wait(self, what, script):
        end = time.monotonic() + SETTLE_S
        while True:
            try:
                found = self.run(script).strip()
            except Failure:
                found = ""
            if found:
                return found.split("\n")[0]
            if time.monotonic() > end:
                raise Failure(f"not within {SETTLE_S} s: {what}")
            time.sleep(0.1)

    def give(self, command, value):
        """The value, as a JSON file."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(json.dumps(value))
            file.flush()
            self.run(f"{command} --file {file.name}")

    def send(self, **fields):
        self.give("hyp send", {"connector": "c", "connector_name": "n",
                               **fields})

    def alarm(self, component):
        """Id of a new alarm, for who acts on one."""
        self.send(component=component, resource="disk", state=2,
                  output="95% full")
        return self.wait(f"the alarm of {component}", "hyp alarm list -o name "
                         f"--filter 'component=\"{component}\"'")

    def letter(self):
        """Id of a new dead letter: by a rule that fails on purpose."""
        name = f"lost-{time.time_ns()}"
        self.send(component=name, state=0)
        return self.wait("a dead letter", "hyp dead list -o name "
                         f"--search {name}")

    def reason(self, command):
        for row in self.cannot:
            if fnmatch.fnmatch(command.page, row[0]) and \
                    fnmatch.fnmatch(command.text, row[1]):
                row[3] += 1
                return row[2]
        return None

    def fill(self, text, known):
        """What stands for something of the reader's."""
        text = text.replace("/opt/hypervise", str(self.prefix))
        text = text.replace("/backup/", "backup/")
        text = text.replace("$(date +%F)", "tonight")
        text = re.sub(r"^hyp watch", "hyp watch --once", text)
        text = re.sub(r"(hyp bench .*--for) \w+", r"\1 2s", text)
        if ASKED.match(text) and not re.search("--(dry-run|yes)", text):
            text = re.sub("(--all|--filter |--prune)", r"--yes \1", text,
                          count=1)
        text = text.replace("http://127.0.0.1:8082", self.api)
        text = text.replace("http://monitor:8082", self.api)
        text = text.replace("127.0.0.1:8082", self.api.split("//")[1])
        text = text.replace("~/monitor.key",
                            str(self.prefix / "etc/secrets/api.key"))
        for name, value in known.items():
            if name in text:
                text = text.replace(
                    name, value() if callable(value) else value)
        return text


RULES = {"kind": "eventfilter", "name": "calm-lab", "spec": {
    "filter": "component~\"^lab\" and state>1",
    "actions": [{"type": "set", "field": "state", "value": 1}]}}
CMDB = {"cis": [{"type": "component", "name": "web1",
                 "infos": {"site": "Paris"}}]}
SLOW = {"kind": "alarmrule", "name": "slow-backups", "spec": {
    "filter": "connector=backup", "resolve_after": "10m"}}
LOSING = {"kind": "eventfilter", "name": "docs-lost", "spec": {
    "filter": "component~\"^lost-\"", "on_failure": "dead",
    "actions": [{"type": "copy", "from": "nothing", "to": "output"}]}}
EVENTS = [{"connector": "c", "connector_name": "n", "component": f"web{i}",
           "state": 0} for i in range(3)]


def make_folder(folder):
    """The files that the pages name."""
    (folder / "backup").mkdir()
    (folder / "rules.json").write_text(json.dumps(RULES))
    (folder / "cmdb.json").write_text(json.dumps(CMDB))
    (folder / "slow.json").write_text(json.dumps(SLOW))
    (folder / "events.ndjson").write_text(
        "".join(json.dumps(e) + "\n" for e in EVENTS))
    (folder / "mended.json").write_text(json.dumps(EVENTS[0]))
    check = folder / "my-check"
    check.write_text(f"#!/bin/sh\necho '{json.dumps(EVENTS[0])}'\n")
    check.chmod(0o755)


def mask(line):
    line = " ".join(line.split())
    for pattern, word in MASKS:
        line = re.sub(pattern, word, line)
    return line


def is_like(wanted, got):
    pattern = ".*".join(map(re.escape, mask(wanted).split("...")))
    return re.fullmatch(pattern, mask(got)) is not None


def compare(wanted, got):
    """Whether the lines fit; "..." stands for any number of them."""
    if not wanted:
        return not got
    if wanted[0].strip() == "...":
        return any(compare(wanted[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and is_like(wanted[0], got[0]) and \
        compare(wanted[1:], got[1:])


class Shell:
    """One for all commands of a page, each with its output in a file."""

    def __init__(self, suite):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hyp-docs."))
        make_folder(self.folder)
        self.end = time.monotonic() + PAGE_S
        env = dict(suite.env, PATH=f"{suite.env['PATH']}:{self.folder}")
        self.process = subprocess.Popen(
            ["bash"], cwd=self.folder, env=env, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)

    def run(self, text):
        """Status and output; None when it does not end."""
        out, code = self.folder / "out", self.folder / "out.code"
        code.unlink(missing_ok=True)
        self.process.stdin.write(f"{{\n{text}\n}} >{out} 2>&1 </dev/null\n"
                                 f"echo $? >{code}.new; mv {code}.new {code}\n")
        self.process.stdin.flush()
        while not code.exists():
            if time.monotonic() > self.end or self.process.poll() is not None:
                return None, out.read_text() if out.exists() else ""
            time.sleep(0.02)
        return int(code.read_text()), out.read_text()

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def run_page(suite, page, commands):
    """How many were run, and what is wrong about them."""
    shell = Shell(suite)
    alarm = f"test-{pathlib.Path(page).stem}"
    known = {"019a2b3c": lambda: suite.alarm(f"{alarm}-{time.time_ns()}"),
             "cleaner/5ae1cf7469-10-0": suite.letter}
    count, wrong = 0, []
    try:
        for command in commands:
            if not suite.reason(command):
                count += 1
                text = suite.fill(command.text, known)
                if command.text.startswith(SETTLED):
                    suite.wait("all well", "hyp doctor")
                wrong += judge(command, *shell.run(text))
    finally:
        shell.close()
    return count, wrong


def judge(command, status, text):
    where = f"{command.page}:{command.line}: {command.text}"
    if status is None:
        yield f"{where}\ndoes not end:\n{text[-2000:]}"
    elif status != 0:
        yield f"{where}\nexit status {status}:\n{text[-2000:]}"
    elif command.wanted is not None:
        wanted = [line for line in command.wanted if line.strip()]
        got = [line for line in text.split("\n") if line.strip()]
        if wanted and not compare(wanted, got):
            yield f"{where}\nprints\n{text[-3000:]}\ninstead of\n" + \
                "\n".join(wanted)


def json_values(text):
    """The values of a block, one after the other."""
    decoder = json.JSONDecoder()
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield value


def send_events(suite, page, lines):
    """Every JSON block is of events that are taken."""
    count = 0
    for language, begun, body in blocks(lines):
        if language != "json":
            continue
        for value in json_values("\n".join(body)):
            try:
                suite.give("hyp send", value)
            except Failure as failure:
                raise Failure(f"{page}:{begun}: {failure}") from failure
            count += 1
    return count


def check_inline(suite, page, lines, seen):
    """What a page calls a command is one."""
    for number, line in enumerate(lines, 1):
        for words in INLINE.findall(line):
            if words not in seen:
                seen.add(words)
                try:
                    suite.run(f"{words} --help")
                except Failure as failure:
                    raise Failure(f"{page}:{number}: {failure}") from failure


def pages():
    files = [SOURCE / "README.md", SOURCE / "HACKING.md",
             *(SOURCE / "docs").rglob("*.md")]
    order = (SOURCE / "docs" / "README.md").read_text()
    names = [str(path.relative_to(SOURCE)) for path in files]
    return sorted(names, key=lambda n: (
        order.find(f"({n.removeprefix('docs/')})") % len(order), n))


def main():
    suite = Suite(sys.argv[1])
    chosen = sys.argv[2:] or pages()
    suite.give("hyp apply", LOSING)
    suite.send(component="lab7", state=3, output="slow")
    suite.wait("lab7", "hyp event list --search lab7 -o name")
    passed, failed, seen = 0, 0, set()
    for page in chosen:
        lines = (SOURCE / page).read_text().split("\n")
        begun = time.monotonic()
        try:
            count, wrong = run_page(suite, page, list(commands_of(page, lines)))
            check_inline(suite, page, lines, seen)
            if page == "docs/events.md":
                count += send_events(suite, page, lines)
        except (Failure, subprocess.TimeoutExpired) as failure:
            count, wrong = 0, [str(failure)]
        for text in wrong:
            print(f"FAILED: {text}")
        passed, failed = passed + count - len(wrong), failed + len(wrong)
        if count or wrong:
            print(f"{page}: {count} ({time.monotonic() - begun:.1f} s)")
    for row in suite.cannot:
        if row[3] == 0 and not sys.argv[2:]:
            print(f"FAILED: cannot.list: {row[0]}: {row[1]}: no such command")
            failed += 1
        elif row[3]:
            print(f"not run: {row[0]}: {row[1]}: {row[2]}")
    print(f"{passed} passed")
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
