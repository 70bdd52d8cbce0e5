# SPDX-License-Identifier: Apache-2.0
"""Each fault: how it begins, how it is known to have been noticed (a fault
that nobody noticed tests nothing, and fails), and how it ends."""
import signal
import sqlite3
import time

import ears
import rig
import twins

NOTICED_S = 60
# A connection to mongod that is idle is found dead by its next use, 20 s later;
# the next engine uses its own when the one before goes on: four in a row.
STORE_NOTICED_S = 120
STANDS_S = 9  # past 10 s /health takes a process for one that hangs
GO_ON_S = 30  # within the time of healing, tests/faults/README.md
BACK_S = 3600
DELAY_S = 0.3
DELAYED_S = 2.5  # a mark of each second passes at least five delays
BROKER_LEAVE_MIB = 100  # half of its limit
LITTLE, USUAL = "0.00001", "0.4"  # share of the memory
END = "eventstore"  # of the longest way


class Strikes:
    """Strikes one suite. more(): lets events flow while a fault lasts."""

    def __init__(self, told, more):
        self.suite = told.suite
        self.servers = told.servers
        self.more = more
        self.ears = None

    def wait_told(self, log_id):
        """By somebody, the fault having begun."""
        self.more()
        rig.wait_for(f"somebody to tell {log_id}",
                     lambda: self.ears.who(log_id), NOTICED_S)

    def check_nobody_stands(self):
        """Whatever the broker does, each goes on telling its status."""
        now = time.time()
        for name, engine in self.suite.engines.items():
            stood_s = now - engine.status().get("updated_at", now)
            if stood_s > STANDS_S:
                raise rig.Failure(f"engine-{name} stands for {stood_s:.1f} s")

    def wait_all_told(self, log_id):
        self.more()
        try:
            rig.wait_for("all", lambda: self.check_nobody_stands() or
                         self.ears.everybody(log_id), NOTICED_S)
        except rig.Failure as failure:
            silent = set(self.ears.logs) - self.ears.who(log_id)
            raise rig.Failure(f"{failure}: {log_id} not told by "
                              f"{', '.join(sorted(silent))}") from failure

    # Engines.

    def engine_killed(self, name):
        engine = self.suite.engines[name]
        engine.kill()
        if engine.process.returncode != -signal.SIGKILL:
            raise rig.Failure(f"engine-{name} ended by itself, status "
                              f"{engine.process.returncode}")
        self.more()
        self.suite.start(name)

    def engine_stopped(self, name):
        self.suite.engines[name].stop()
        if name not in self.ears.who("ENGINE-STOP", "INFO"):
            raise rig.Failure(f"engine-{name} did not end in order")
        self.more()
        self.suite.start(name)

    def engine_refused(self, name):
        """Another writer has its SQLite file."""
        with twins.StoreHeld(self.suite, name):
            self.more()
            rig.wait_for(f"engine-{name} to miss its store", lambda: name in
                         self.ears.who("STORE-AWAY"), NOTICED_S)

    # The broker.

    def rabbitmq_ended(self, how):
        self.servers.end_broker(how)
        self.wait_all_told("BUS-AWAY")
        self.servers.start_broker()

    def rabbitmq_hangs(self):
        """Its connections stay open; heartbeats tell."""
        process = self.servers.broker_process()
        process.signal(rig.STOP)
        try:
            self.wait_all_told("BUS-AWAY")
        finally:
            process.signal(rig.CONTINUE)

    def blocked(self, begin, end):
        """It takes no messages, and says so; then it takes them again."""
        cleaner = self.suite.engines["cleaner"]
        begin()
        try:
            self.wait_told("BUS-BLOCKED")
            rig.wait_for("the cleaner to be blocked",
                         lambda: cleaner.metric("blocked"), NOTICED_S)
        finally:
            end()
        rig.wait_for("the cleaner to go on",
                     lambda: not cleaner.metric("blocked"), GO_ON_S)

    def rabbitmq_out_of_memory(self):
        self.blocked(lambda: self.servers.set_memory(LITTLE),
                     lambda: self.servers.set_memory(USUAL))

    def rabbitmq_disk_full(self):
        disk = self.servers.broker_disk
        self.blocked(lambda: disk.fill(BROKER_LEAVE_MIB), disk.free)

    # Networks.

    def network_delayed(self, net):
        """What is sent now takes long to the end of the chain."""
        end = self.suite.engines[END]
        rig.wait_for(f"events in time at engine-{END}", lambda: end.metric(
            "lag_seconds") < DELAYED_S, NOTICED_S)
        net.delay(DELAY_S)
        self.more()
        try:
            rig.wait_for(f"events late at engine-{END}", lambda: end.metric(
                "lag_seconds") >= DELAYED_S, NOTICED_S)
        finally:
            net.delay(0)

    def holders(self, ports):
        """Who has a connection from one of these ports."""
        processes = {**self.suite.engines, "webserver": self.suite.web}
        return sorted(name for name, one in processes.items()
                      if ports & set(rig.tcp_ports(one.process.pid)))

    def network_lost(self, net, cut, patience_s, use=lambda: None):
        """Every connection; all that there were are given up by their
        clients, and come back. use(): makes one used that is idle."""
        before, n_lost = net.n_accepted, net.n_links()
        cut()
        self.more()
        try:
            rig.wait_for("all", lambda: use() or not net.marked(),
                         patience_s)
        except rig.Failure as failure:
            raise rig.Failure(f"not within {patience_s} s: a lost connection "
                              "given up by "
                              f"{self.holders(net.marked())}") from failure
        rig.wait_for(f"{n_lost} new connections", lambda:
                     net.n_accepted >= before + n_lost, NOTICED_S)

    def network_lost_and_told(self, cut):
        self.network_lost(self.servers.network, cut, NOTICED_S)
        self.wait_all_told("BUS-AWAY")

    def store_network_lost(self, cut):
        """The webserver's is idle while nobody asks it."""
        self.network_lost(self.servers.store_network, cut, STORE_NOTICED_S,
                          self.suite.web.try_store)

    # The stores.

    def store_held_up(self, process):
        """A mongod that hangs, its connections open."""
        process.signal(rig.STOP)
        try:
            self.wait_told("STORE-AWAY")
        finally:
            process.signal(rig.CONTINUE)

    def mongod_ended(self, command):
        self.servers.mongod(command)
        self.wait_told("STORE-AWAY")
        self.servers.start_mongod()

    def mongod_refuses(self):
        """The only member of its set is no primary for a while."""
        self.servers.mongod_ctl("step-down")
        self.wait_told("STORE-AWAY")
        self.servers.mongod_ctl("wait-primary")

    def is_out_of_room(self):
        """What it does each minute is asked for, until it cannot."""
        try:
            self.servers.mongod_ctl("flush")
        except rig.Failure:
            return True
        return False

    def mongod_disk_full(self):
        """It may end by itself; started again then, as a supervisor does."""
        self.servers.mongod_disk.fill()
        self.more()
        try:
            rig.wait_for("mongod to miss its disk", self.is_out_of_room,
                         NOTICED_S)
            self.wait_told("STORE-AWAY")
        finally:
            self.servers.mongod_disk.free()
        if not self.servers.mongod_process().is_alive():
            self.servers.start_mongod()

    def shorten_logs(self):
        """SQLite's write-ahead logs hold nothing, so that a commit needs
        room; but for that of one in the middle of a commit."""
        for path in sorted((self.suite.dir / "store").glob("*.db")):
            db = sqlite3.connect(path, timeout=0, isolation_level=None)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()

    def sqlite_disk_full(self):
        """Nobody writes meanwhile: a log takes room ahead of what it holds."""
        processes = [e.process for e in self.suite.engines.values()]
        for process in processes:
            process.send_signal(rig.STOP)
        try:
            self.shorten_logs()
            self.suite.disk.fill()
        finally:
            for process in processes:
                process.send_signal(rig.CONTINUE)
        try:
            self.wait_told("STORE-AWAY")
        finally:
            self.suite.disk.free()

    def sqlite_read_only(self):
        """Everything starts on a disk that nobody can write to."""
        self.suite.stop_all()
        self.suite.web.stop()
        self.suite.disk.set_writable(False)
        try:
            self.suite.start_again()
            self.more()
            rig.wait_for("every engine to miss its store", lambda: all(
                e.status().get("why_not")
                for e in self.suite.engines.values()), NOTICED_S)
        finally:
            self.suite.disk.set_writable(True)

    # What strikes all of it.

    def clock_set_back(self):
        """Events come through at that time too; then it is right again."""
        engines = self.suite.engines.values()
        end = self.suite.engines[END]
        self.servers.clock.set(-BACK_S)
        try:
            rig.wait_for("the clock to be back everywhere", lambda: all(
                e.status().get("updated_at", time.time())
                < time.time() - BACK_S / 2 for e in engines), NOTICED_S)
            before = end.metric("events_total")
            self.more()
            rig.wait_for("events to flow, the clock set back", lambda:
                         end.metric("events_total") > before, GO_ON_S)
            self.suite.web.wait_well(GO_ON_S)
        finally:
            self.servers.clock.set(0)

    def everything_ended(self, how):
        if how == "killed":
            self.suite.kill_all()
        else:
            self.suite.stop_all()
            self.suite.web.stop()
        self.servers.end_broker(how)
        self.more()
        self.servers.start_broker()
        self.suite.start_again()

    # One of them by its name.

    def strike_network(self, net, how, lost):
        if how == "delayed":
            self.network_delayed(net)
        else:
            lost({"reset": net.reset, "truncated": net.truncate,
                  "half-open": net.half_open}[how])

    def strike_engine(self, name, how):
        {"killed": self.engine_killed, "stopped": self.engine_stopped,
         "refused by its store": self.engine_refused}[how](name)

    def strike_rabbitmq(self, how):
        if how in ("killed", "stopped"):
            self.rabbitmq_ended(how)
        else:
            {"hangs": self.rabbitmq_hangs,
             "out of memory": self.rabbitmq_out_of_memory,
             "disk full": self.rabbitmq_disk_full}[how]()

    def strike_mongod(self, how):
        {"killed": lambda: self.mongod_ended("kill"),
         "stopped": lambda: self.mongod_ended("stop"),
         "hangs": lambda: self.store_held_up(self.servers.mongod_process()),
         "refuses": self.mongod_refuses,
         "disk full": self.mongod_disk_full}[how]()

    def strike(self, fault):
        what, how = fault.split(" ", 1)
        servers = self.servers
        self.ears = ears.Ears(self.suite)
        if what == "rabbitmq":
            self.strike_rabbitmq(how)
        elif what == "mongod":
            self.strike_mongod(how)
        elif what == "network":
            self.strike_network(servers.network, how,
                                self.network_lost_and_told)
        elif what == "store-network":
            self.strike_network(servers.store_network, how,
                                self.store_network_lost)
        elif what == "store":
            {"disk full": self.sqlite_disk_full,
             "read-only": self.sqlite_read_only}[how]()
        elif what == "clock":
            self.clock_set_back()
        elif what == "everything":
            self.everything_ended(how)
        else:
            self.strike_engine(what, how)
