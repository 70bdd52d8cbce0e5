# SPDX-License-Identifier: Apache-2.0
"""Everything that can die, stop, hang or refuse does, under load, at moments
from a seed; the end must be that of a run without."""
import random
import time

import rig
import run
import twins

HEALTHY_S = 30  # by itself, after the end of a fault
ENGINE_FAULTS = ("killed", "stopped", "refused by its store")
SQLITE_ONLY = ("refused by its store",)
BROKER_FAULTS = ("rabbitmq killed", "rabbitmq stopped", "rabbitmq hangs",
                 "rabbitmq out of memory", "everything killed",
                 "everything stopped")
NETWORK_FAULTS = ("network delayed", "network reset", "network truncated",
                  "network half-open")
MONGOD_FAULTS = ("mongod killed", "mongod stopped", "mongod hangs",
                 "store-network delayed", "store-network reset",
                 "store-network truncated", "store-network half-open")
CLOCK_FAULTS = ("clock set back",)
BACK_S = 3600
# Where disks can be filled.
DISK_FAULTS = ("rabbitmq disk full",)
SQLITE_DISK_FAULTS = ("store disk full", "store read-only")
MONGOD_DISK_FAULTS = ("mongod disk full",)
DELAY_S, DELAYED_S = 0.3, 3
FULL_S = 20
BROKER_LEAVE_MIB = 100  # half of its limit
LITTLE, USUAL = "0.00001", "0.4"  # share of the memory


class Faults:
    """A plan of faults for one run, in an order from a seed. rounds: how
    often each strikes each engine; 0: each once, engines by chance."""

    def __init__(self, told, seed, rounds):
        self.run = told
        self.suite = told.suite
        self.servers = told.servers
        self.random = random.Random(seed)
        self.on_sqlite = told.store == "sqlite"
        plan = [f"{name} {how}" for how in ENGINE_FAULTS
                if self.on_sqlite or how not in SQLITE_ONLY
                for name in self.engines(rounds)]
        plan += BROKER_FAULTS + NETWORK_FAULTS + CLOCK_FAULTS
        plan += () if self.on_sqlite else MONGOD_FAULTS
        if self.servers.own_disks:
            plan += DISK_FAULTS
            plan += SQLITE_DISK_FAULTS if self.on_sqlite \
                else MONGOD_DISK_FAULTS
        self.plan = plan * max(rounds, 1)
        self.random.shuffle(self.plan)

    def engines(self, rounds):
        """Those that one kind of fault strikes."""
        every = list(self.suite.list)
        return every if rounds > 0 else [self.random.choice(every)]

    def hang(self, process, what):
        """Stopped until somebody has noticed; its connections stay open."""
        process.signal(rig.STOP)
        try:
            rig.wait_for(f"{what} missed", self.someone_is_unwell)
        finally:
            process.signal(rig.CONTINUE)

    def someone_is_unwell(self):
        return not all(map(self.is_well, self.suite.engines.values()))

    def is_well(self, engine):
        status = engine.status()
        return status.get("ready") and \
            status["updated_at"] > time.time() - 2 * twins.STALE_S

    def broker_out_of_memory(self):
        """It blocks who publishes, until there is memory again."""
        cleaner = self.suite.engines["cleaner"]
        self.servers.set_memory(LITTLE)
        try:
            rig.wait_for("the cleaner to be blocked",
                         lambda: cleaner.metric("blocked"))
        finally:
            self.servers.set_memory(USUAL)
        rig.wait_for("the cleaner to go on",
                     lambda: not cleaner.metric("blocked"), HEALTHY_S)

    def strike_broker(self, how):
        servers = self.servers
        if how == "hangs":
            self.hang(servers.broker_process(), "rabbitmq")
        elif how == "out of memory":
            self.broker_out_of_memory()
        elif how == "disk full":
            self.broker_disk_full()
        else:
            servers.end_broker(how)
            servers.start_broker()

    def broker_disk_full(self):
        """Below its limit it blocks who publishes."""
        cleaner = self.suite.engines["cleaner"]
        self.servers.broker_disk.fill(BROKER_LEAVE_MIB)
        try:
            rig.wait_for("the cleaner to be blocked",
                         lambda: cleaner.metric("blocked"))
        finally:
            self.servers.broker_disk.free()
        rig.wait_for("the cleaner to go on",
                     lambda: not cleaner.metric("blocked"), HEALTHY_S)

    def disk_full(self, disk, until):
        """While events flow: until somebody has noticed, or all of them found
        room in what its files already have."""
        disk.fill()
        try:
            self.run.feed.allow(until)
            rig.wait_for("the disk missed", self.someone_is_unwell, FULL_S)
        except rig.Failure:
            rig.say(f"  (nobody missed the disk for {FULL_S} s)")
        finally:
            disk.free()

    def mongod_disk_full(self, until):
        """It ends by itself; started again, as its supervisor does."""
        self.disk_full(self.servers.mongod_disk, until)
        self.servers.mongod("kill")
        self.servers.start_mongod()

    def strike_mongod(self, how, until):
        if how == "hangs":
            self.hang(self.servers.mongod_process(), "mongod")
        elif how == "disk full":
            self.mongod_disk_full(until)
        else:
            self.servers.mongod(how.replace("ped", "").replace("ed", ""))
            self.servers.start_mongod()

    def strike_network(self, net, how):
        """Until who is on it has noticed."""
        if how == "delayed":
            net.delay(DELAY_S)
            time.sleep(DELAYED_S)
            net.delay(0)
        elif how == "reset":
            net.reset()
        elif how == "truncated":
            net.truncate()
            rig.wait_for("every connection cut", lambda: net.n_cut_next() == 0,
                         HEALTHY_S)
        else:
            net.half_open()
            rig.wait_for("every lost connection noticed", lambda:
                         net.n_half_open() == 0, HEALTHY_S)

    def clock_set_back(self, until):
        """Events come through at that time too; then it is right again."""
        store = self.suite.engines["eventstore"]
        self.servers.clock.set(-BACK_S)
        try:
            before = store.metric("events_total")
            self.run.feed.allow(until)
            rig.wait_for("events to flow, the clock set back", lambda:
                         store.metric("events_total") > before, HEALTHY_S)
            self.suite.web.wait_well(HEALTHY_S)
        finally:
            self.servers.clock.set(0)

    def strike_store(self, how, until):
        if how == "disk full":
            self.disk_full(self.suite.disk, until)
        else:
            self.store_read_only()

    def store_read_only(self):
        """Everything starts on a disk that nobody can write to."""
        self.suite.stop_all()
        self.suite.web.stop()
        self.suite.disk.set_writable(False)
        try:
            for name in self.suite.list:
                self.suite.start(name)
            self.suite.web.start()
            rig.wait_for("every engine to miss its store", lambda: all(
                e.status().get("why_not")
                for e in self.suite.engines.values()))
        finally:
            self.suite.disk.set_writable(True)

    def strike_everything(self, how):
        if how == "killed":
            self.suite.kill_all()
        else:
            self.suite.stop_all()
            self.suite.web.stop()
        self.servers.end_broker(how)
        self.servers.start_broker()
        for name in self.suite.list:
            self.suite.start(name)
        self.suite.web.start()

    def strike_engine(self, name, how):
        engine = self.suite.engines[name]
        if how == "refused by its store":
            with twins.StoreHeld(self.suite, name):
                rig.wait_for(f"engine-{name} to miss its store",
                             lambda: not self.is_well(engine))
            return
        if how == "killed":
            engine.kill()
        else:
            engine.stop()
        self.suite.start(name)

    def strike(self, fault, until):
        """until: messages of the story that may flow meanwhile."""
        what, how = fault.split(" ", 1)
        if what == "rabbitmq":
            self.strike_broker(how)
        elif what == "mongod":
            self.strike_mongod(how, until)
        elif what == "network":
            self.strike_network(self.servers.network, how)
        elif what == "store-network":
            self.strike_network(self.servers.store_network, how)
        elif what == "store":
            self.strike_store(how, until)
        elif what == "clock":
            self.clock_set_back(until)
        elif what == "everything":
            self.strike_everything(how)
        else:
            self.strike_engine(what, how)

    def go(self):
        """Let a part of the story flow, strike within it, and so on."""
        n = len(self.run.story.messages)
        part = n // (len(self.plan) + 1)
        for i, fault in enumerate(self.plan):
            begin = i * part
            self.run.feed.allow(begin + part * 3 // 4)
            self.run.feed.wait(begin + self.random.randrange(1, part // 2))
            begun = time.monotonic()
            self.strike(fault, begin + part)
            ended = time.monotonic()
            self.suite.web.wait_well(HEALTHY_S)
            rig.say(f"  {fault}: {ended - begun:.1f} s, well again after "
                    f"{time.monotonic() - ended:.1f} s")
        self.run.feed.allow(n)


def test_faults(servers, store, case):
    """Faults of each kind: the same as without."""
    told = run.Run(servers, "faults", store, case.plain.story)
    faults = Faults(told, case.seed, case.rounds)
    faults.go()
    told.wait_end()
    case.plain.judge(told, "after " + ", ".join(faults.plan))
