# SPDX-License-Identifier: Apache-2.0
"""Events through the engines: the cleaner alone, the whole chain from a
filled queue, and live."""
import time

from rig import ENGINES, WAY, Suite, cpu_s, wait_for

CPU_US = 1e6


class Fed:
    """A suite with a store of its own and the entities that it knows."""

    def __init__(self, bench, name, storage=None):
        self.bench = bench
        self.broker = bench.broker
        self.suite = Suite(bench.build, bench.folder_of(name), bench.broker,
                           storage)
        self.events = bench.new_events()
        self.path = f"{self.suite.folder}/events"
        self.servers = {"beam": self.broker.pid}
        if storage is not None:
            self.servers["mongod"] = bench.mongod.pid
        self.known = False

    def kill(self):
        self.suite.kill()

    def make_queues(self):
        self.suite.start("cleaner")
        self.suite.wait_active()
        self.suite.end()

    def fill(self, pack):
        messages = self.events.write(self.path, pack)
        self.broker.fill("Engine_cleaner", self.path, messages)

    def learn(self):
        """The first round makes the entities known; it is not measured."""
        if not self.known:
            self.drain(1)
            self.known = True

    def cleaner(self):
        """The cleaner alone, into the next engine's queue."""
        if not self.known:
            self.make_queues()
        self.fill(1)
        used = Use(self, ["cleaner"])
        cleaner = self.suite.start("cleaner")
        result = used.until_done(cleaner.first_delivery_s)
        self.suite.end()
        self.events.forget()
        return result

    def drain(self, pack, together=False):
        """The engines behind the cleaner are up and know what they know; the
        cleaner starts on its filled queue.
        together: the way of the checks in one process, which all starts."""
        self.suite.together = together
        first = WAY if together else ("cleaner",)
        self.suite.start(*ENGINES)
        self.suite.wait_active()
        loaded = self.suite.cpu()
        self.suite.stop(*first)
        self.fill(pack)
        used = Use(self, ENGINES)
        used.cpu["cleaner"] = loaded["cleaner"]  # it loads that anew
        cleaner = self.suite.start(*first)
        result = used.until_done(cleaner.first_delivery_s)
        self.suite.end()
        return result

    def live(self, pack, together=False):
        """All are up while a publisher sends as fast as the broker confirms."""
        self.suite.together = together
        self.suite.start(*ENGINES)
        self.suite.wait_active()
        self.events.write(self.path, pack)
        used = Use(self, ENGINES)
        begin = time.time()
        feeder = self.broker.feed(self.path)
        result = used.until_done(lambda: begin)
        if feeder.wait() != 0:
            raise RuntimeError("the publisher failed")
        self.suite.end()
        return result


class Use:
    """What engines do of one round, and what it costs each process."""

    def __init__(self, fed, names):
        self.fed = fed
        self.names = names
        running = fed.suite.running
        self.events = {n: e.events() for n, e in running.items()}
        self.batches = {n: e.batches() for n, e in running.items()}
        self.cpu = fed.suite.cpu()
        self.server_cpu = {n: cpu_s(p) for n, p in fed.servers.items()}

    def until_done(self, begin_s):
        """Rate from begin_s() to the last commit, and processor time an
        event, when every engine has done every event."""
        fed, running = self.fed, self.fed.suite.running
        n = fed.events.entities
        for name in self.names:
            wait_for(f"{name} has done {n} events; see {fed.suite.folder}",
                     lambda e=running[name]:
                     e.events() - self.events.get(e.name, 0) >= n)
        cpu = {m: s - self.cpu.get(m, 0)
               for m, s in fed.suite.cpu().items() if m in self.names}
        cpu.update({m: cpu_s(p) - self.server_cpu[m]
                    for m, p in fed.servers.items()})
        for name in self.names:
            fed.broker.wait_empty(f"Engine_{name}")
        cpu["all"] = sum(cpu.values())
        begin = begin_s()
        took = {m: round(running[m].last_event_s() - begin, 2)
                for m in self.names}
        return {"value": n / max(took.values()), "took_s": took,
                "batch": {m: round(n / (running[m].batches()
                                        - self.batches.get(m, 0)))
                          for m in self.names},
                "cpu_us": {m: round(s * CPU_US / n, 2)
                           for m, s in cpu.items()}}
