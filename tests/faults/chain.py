#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain of real processes on real servers, while they are killed.

A seed makes the events, the order of the faults and their moments. README.md
has the table of what strikes and what must hold."""
import argparse
import os
import pathlib
import random
import signal
import sys
import time

import disk
import faults
import groups
import moves
import parts
import posts
import primary
import repart
import rig
import run
import selfwatch
import small
import together
import twins

STORES = ("sqlite", "mongodb")
# Those that a seed changes, and those that one run says everything of.
SEEDED = {"plain": run.test_plain, "faults": faults.test_faults,
          "twins": twins.test_twins, "groups": groups.test_groups,
          "posts": posts.test_posts, "primary": primary.test_primary,
          "repartition-killed": repart.test_repartition_killed}
TESTS = dict(SEEDED, **{"partitions": parts.test_partitions,
                        "repartition": repart.test_repartition,
                        "repartition-actions":
                            repart.test_repartition_actions,
                        "moves": moves.test_moves,
                        "same-second": small.test_same_second,
                        "bad-input": small.test_bad_input,
                        "self-watch": selfwatch.test_self_watch,
                        "one-process": together.test_one_process})
# Of these one store tells all: "moves" has both, and what is told of itself is
# the same on each.
ONLY_ON = {"primary": ("mongodb",), "moves": ("sqlite",),
           "self-watch": ("sqlite",)}
# And of these less, or nothing, is in the short form.
SHORT = {"primary": (), "posts": (), "repartition": ("sqlite",),
         "repartition-killed": (), "repartition-actions": ()}
FAILED_ONCE = pathlib.Path(__file__).with_name("seeds.list")
SEED_MOST = 1 << 31


class Case:
    """One test on one store with one seed."""

    def __init__(self, test, store, seed, events, rounds):
        self.test = test
        self.store = store
        self.seed = int(seed)
        self.events = int(events)
        self.rounds = int(rounds)
        self.plain = None
        self.only = []  # faults; none: all

    def is_short(self):
        """Not all faults, and not those that were asked for."""
        return self.rounds == 0 and not self.only

    def wants(self, fault):
        return not self.only or any(o in fault for o in self.only)

    def __str__(self):
        return f"{self.test} {self.store} {self.seed} {self.events} " \
            f"{self.rounds}"

    def story(self):
        return self.seed, self.events

    def run(self, servers):
        TESTS[self.test](servers, self.store, self)


def failed_once():
    """The cases of seeds.list."""
    lines = FAILED_ONCE.read_text().splitlines()
    words = [line.split("#")[0].split() for line in lines]
    return [Case(*w) for w in words if w]


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=0,
                        help="how often each fault strikes, engines each; 0: "
                             "the short form,\nsome of them once, on engines "
                             "chosen by the seed")
    parser.add_argument("--seed", type=int, action="append",
                        help="as often as wanted; default: 1")
    parser.add_argument("--seeds", type=int, default=0, metavar="N",
                        help="so many new ones, made by chance and printed")
    parser.add_argument("--failed-once", action="store_true",
                        help="the cases of seeds.list before all others")
    parser.add_argument("--fault", action="append", default=[],
                        help="only faults whose name has this in it, of test "
                             "faults")
    parser.add_argument("--store", action="append", choices=STORES)
    parser.add_argument("--keep", action="store_true",
                        help="keep the folder when a test fails")
    parser.add_argument("tests", nargs="*", metavar="TEST",
                        help=" ".join(TESTS))
    return parser.parse_args()


def is_asked_for(options, test, store):
    """The short form has neither rounds nor a test that is named."""
    stores = ONLY_ON.get(test, STORES)
    if not options.rounds and not options.tests:
        stores = SHORT.get(test, stores)
    return store in stores


def cases_of(options):
    seeds = options.seed or ([] if options.seeds else [1])
    seeds += [random.SystemRandom().randrange(SEED_MOST)
              for _ in range(options.seeds)]
    found = failed_once() if options.failed_once else []
    for i, seed in enumerate(seeds):
        found += [Case(test, store, seed, options.events, options.rounds)
                  for test in options.tests or TESTS
                  for store in options.store or STORES
                  if is_asked_for(options, test, store)
                  and (i == 0 or test in SEEDED)]
    for case in found:
        case.only = options.fault
    return found


def run_case(servers, case):
    begun = time.monotonic()
    verdict = "ok"
    try:
        case.run(servers)
    except (rig.Failure, OSError) as failure:
        verdict = f"FAILED: {failure}"
        servers.drop_all()
        servers.heal()
    servers.forget()
    rig.say(f"{case}: {verdict} ({time.monotonic() - begun:.0f} s)")
    return verdict == "ok"


def run_all(servers, cases):
    """Each by itself: what one leaves, no other sees."""
    plains, results = {}, []
    servers.start_broker()
    if any(case.store == "mongodb" for case in cases):
        servers.start_mongod()
    for case in cases:
        if case.story() not in plains:
            plains = {case.story(): run.Plain(*case.story())}
        case.plain = plains[case.story()]
        results.append(run_case(servers, case))
    return results


def has_disks():
    """Whether disks can be filled; where tests decide, they must be."""
    if disk.enter_namespace():
        return True
    if os.environ.get("CI"):
        sys.exit("chain.py: mounting is not allowed here: disks cannot be "
                 "filled")
    rig.say("SKIPPED: full and read-only disks: mounting is not allowed here")
    return False


def on_signal(number, _):
    sys.exit(128 + number)


def main():
    signal.signal(signal.SIGTERM, on_signal)
    options = parse_args()
    cases = cases_of(options)
    servers = rig.Rig(own_disks=has_disks())
    results = []
    try:
        results = run_all(servers, cases)
    finally:
        servers.close(options.keep and not all(results))
    for case, good in zip(cases, results):
        if not good:
            rig.say(f"failed: {case}   (TEST STORE SEED EVENTS ROUNDS, a line "
                    "of seeds.list)")
    rig.say(f"{sum(results)} passed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
