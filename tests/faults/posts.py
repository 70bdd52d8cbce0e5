# SPDX-License-Identifier: Apache-2.0
"""The webserver, and the broker behind it, killed while events are posted:
what was answered as accepted is there once, and so is what was sent again
under its Idempotency-Key until it was."""
import json
import random
import threading
import time

import rig
import run

N_POSTERS = 4
EVENTS_MOST = 20
POSTS_A_FAULT = 40  # of all posters, before and after each
KILLS = 4
ACCEPTED, REFUSED_NOW = 202, 503
AGAIN_S = 0.1


def event(name):
    return {"connector": "posts", "connector_name": "one",
            "event_type": "log", "component": "host", "output": name}


class Poster(threading.Thread):
    """Posts bodies one after the other; every second one under a key, again
    and again until it is accepted."""

    def __init__(self, web, number, seed):
        super().__init__(daemon=True)
        self.web = web
        self.number = number
        self.random = random.Random(f"{seed} {number}")
        self.n_posts = 0
        self.n_failed = 0
        self.accepted, self.unsure = set(), set()
        self.wrong = []
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set():
            names = [f"{self.number}-{self.n_posts}-{i}" for i in
                     range(self.random.randint(1, EVENTS_MOST))]
            if self.n_posts % 2:
                self.post_until_accepted(names)
            else:
                self.post_once(names)
            self.n_posts += 1

    def post(self, names, **headers):
        """Whether all of it was accepted."""
        body = json.dumps([event(name) for name in names])
        try:
            status, answer = self.web.ask("POST", "/events", body, **headers)
        except OSError:
            self.n_failed += 1
            time.sleep(AGAIN_S)
            return False
        self.n_failed += status == REFUSED_NOW
        if status not in (ACCEPTED, REFUSED_NOW):
            self.wrong.append(f"{status}: {answer}")
        return status == ACCEPTED

    def post_once(self, names):
        (self.accepted if self.post(names) else self.unsure).update(names)

    def post_until_accepted(self, names):
        key = f"body-{self.number}-{self.n_posts}"
        while not self.post(names, **{"Idempotency-Key": key}):
            time.sleep(AGAIN_S)
        self.accepted.update(names)


class Posts:
    """Posters, and what kills their server."""

    def __init__(self, servers, store, seed):
        self.servers = servers
        self.suite = rig.Suite(servers, "posts", store, run.OPTIONS)
        self.suite.start_all()
        self.suite.start_web()
        self.posters = [Poster(self.suite.web, i, seed)
                        for i in range(N_POSTERS)]

    def flow(self):
        """A while of posts that come through."""
        before = sum(p.n_posts for p in self.posters)
        rig.wait_for("posts to be taken", lambda: sum(
            p.n_posts for p in self.posters) > before + POSTS_A_FAULT)

    def strike(self, begin, end):
        """Somebody must miss what is away."""
        self.flow()
        before = self.n_failed()
        begin()
        rig.wait_for("a post to fail", lambda: self.n_failed() > before)
        end()

    def n_failed(self):
        return sum(p.n_failed for p in self.posters)

    def go(self):
        for poster in self.posters:
            poster.start()
        for _ in range(KILLS):
            self.strike(self.suite.web.kill, self.suite.web.start)
        self.strike(lambda: self.servers.end_broker("killed"),
                    self.servers.start_broker)
        self.flow()
        self.end()

    def end(self):
        for poster in self.posters:
            poster.ending.set()
        for poster in self.posters:
            poster.join()

    def found(self):
        """{name: how often it is in the log}"""
        found = {}
        for _, _, row in self.suite.rows("events_log"):
            found[row["output"]] = found.get(row["output"], 0) + 1
        return found

    def judge(self):
        accepted = set().union(*(p.accepted for p in self.posters))
        unsure = set().union(*(p.unsure for p in self.posters))
        rig.wait_for("what was accepted", lambda: not
                     accepted - self.found().keys())
        self.suite.stop_all()
        self.suite.web.stop()
        found = self.found()
        wrong = [w for p in self.posters for w in p.wrong]
        wrong += [f"{name}: {count} times" for name, count in found.items()
                  if count != 1]
        wrong += sorted(accepted - found.keys())
        wrong += sorted(found.keys() - accepted - unsure)
        if wrong:
            raise rig.Failure(f"{len(wrong)} wrong: {wrong[:20]}")
        rig.say(f"  {len(accepted)} accepted, each there once; "
                f"{len(unsure)} not answered, {len(unsure & found.keys())} "
                "of them there")


def test_posts(servers, store, case):
    posts = Posts(servers, store, case.seed)
    try:
        posts.go()
    finally:
        for poster in posts.posters:
            poster.ending.set()
    posts.judge()
