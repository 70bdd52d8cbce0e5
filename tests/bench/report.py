# SPDX-License-Identifier: Apache-2.0
"""Figures, their ratios and targets; the table; the machine's conditions."""
import os
import platform
import re
import statistics
import subprocess

PACKAGES = ("rabbitmq-server", "erlang-base", "librabbitmq4", "libsqlite3-0",
            "libmongoc-1.0-0", "libmicrohttpd12", "liblz4-1", "libc6", "wrk")


def median_range(values):
    return {"median": statistics.median(values), "least": min(values),
            "most": max(values)}


class Figure:
    """Something measured: its name, how, against which other figure of the
    same repetition, and what is to be reached."""

    def __init__(self, name, run, text, unit="/s", against=None, target=None,
                 most=None, also=None):
        self.name = name
        self.run = run
        self.text = text
        self.unit = unit
        self.against = against
        self.target = target  # of the ratio, at least
        self.most = most      # of the value itself
        self.also = also or {}  # further values: the most allowed, or None

    def summary(self, runs, others):
        """runs: of this figure; others: name -> runs of what it is compared
        to. met: True, False, or None when there is nothing to tell it by."""
        result = {"unit": self.unit, "runs": runs,
                  **median_range([r["value"] for r in runs])}
        if "cpu_us" in runs[0]:
            result["cpu_us"] = {
                n: round(statistics.median(r["cpu_us"][n] for r in runs), 2)
                for n in runs[0]["cpu_us"]}
        base = others.get(self.against)
        if base:
            result["ratio"] = dict(against=self.against, **median_range(
                [r["value"] / b["value"] for r, b in zip(runs, base)]))
        for name in self.also:
            result.setdefault("also", {})[name] = median_range(
                [r[name] for r in runs])
        result.update(self.verdict(result))
        return result

    def verdict(self, result):
        if self.target is not None:
            ratio = result.get("ratio", {}).get("median")
            return {"target": f">= {self.target} {self.against}",
                    "met": None if ratio is None else ratio >= self.target}
        most = {n: m for n, m in self.also.items() if m is not None}
        if self.most is None and not most:
            return {}
        met = all(result["also"][n]["median"] <= m for n, m in most.items())
        if self.most is not None:
            met = met and result["median"] <= self.most
        targets = [f"<= {self.most} {self.unit}"] if self.most else []
        return {"target": ", ".join(
            targets + [f"{n} <= {m}" for n, m in most.items()]), "met": met}


class Machine:
    """What the machine is, and what else it did meanwhile."""

    def __init__(self):
        self.load = os.getloadavg()
        self.jiffies = self.read_jiffies()

    @staticmethod
    def read_jiffies():
        with open("/proc/stat", encoding="ascii") as file:
            return [int(f) for f in file.readline().split()[1:9]]

    def conditions(self):
        user, nice, system, idle, wait, irq, soft, steal = (
            b - a for a, b in zip(self.jiffies, self.read_jiffies()))
        busy = user + nice + system + irq + soft
        return {"cores": os.cpu_count(), "cpu": cpu_model(),
                "load_before": self.load,
                "load_after": os.getloadavg(),
                "busy": round(busy / max(busy + idle + wait + steal, 1), 3),
                "steal_of_busy": round(steal / max(busy + steal, 1), 4)}


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def versions():
    """Of what the figures depend on, as Debian's packages tell it."""
    known = dict(line.split(" ", 1) for line in output_of(
        "dpkg-query", "-W", "-f", "${Package} ${Version}\\n",
        *PACKAGES).splitlines())
    mongod = re.search(r"db version v(\S+)", output_of(
        os.environ.get("HYP_MONGOD", "mongod"), "--version"))
    return {"kernel": platform.release(), "python": platform.python_version(),
            **{name: known.get(name, "unknown") for name in PACKAGES},
            "mongod": mongod[1] if mongod else "unknown"}


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def verdict_text(row):
    if "target" not in row:
        return ""
    return {True: "met", False: "MISSED", None: "unmeasured"}[row["met"]]


def print_table(figures, rows, stream):
    print(f"{'':18}{'median':>10} {'unit':8}{'least':>10}{'most':>10}"
          f"{'ratio':>9}{'':17}{'target':>14}  {'':10} processor time, us an "
          f"event", file=stream)
    for figure in figures:
        row = rows.get(figure.name)
        if row is None:
            print(f"{figure.name:18}{'unmeasured':>10}", file=stream)
            continue
        ratio = row.get("ratio")
        print(f"{figure.name:18}{number(row['median']):>10} {row['unit']:8}"
              f"{number(row['least']):>10}{number(row['most']):>10}"
              + (f"{ratio['median']:9.3f}{' ' + ratio['against']:5}"
                 f"{ratio['least']:.3f}-{ratio['most']:<6.3f}"
                 if ratio else f"{'':26}")
              + f"{row.get('target', ''):>14}  {verdict_text(row):10} "
              + " ".join(
                  [f"{n} {v:.1f}" for n, v in row.get("cpu_us", {}).items()]
                  + [f"{n} {number(v['median'])}"
                     for n, v in row.get("also", {}).items()]), file=stream)
