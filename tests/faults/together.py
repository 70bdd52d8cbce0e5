# SPDX-License-Identifier: Apache-2.0
"""The way of the checks in one process, engine-chain, and each engine in its
own again, while events flow: killed, ended in order, with messages waiting in
the broker's queues between the engines."""
import signal
import subprocess

import rig
import run

WAY = ("cleaner", "event-filter", "context", "alarm")
ONLY = 8  # moments: each tells of another way to change


class Member(rig.Engine):
    """One of the engines of an engine-chain: its process is that of all."""

    def __init__(self, suite, name, process):  # pylint: disable=W0231
        self.suite = suite
        self.name = name
        self.process = process
        self.status_dir = suite.dir / "run"
        self.log = suite.dir / "engine-chain.log"

    def stop(self):
        """The first one ends them all."""
        if self.process.poll() != 0:
            super().stop()


class Suite(rig.Suite):
    """One whose way is in one process, or not."""

    def __init__(self, *args, **more):
        self.together = False
        super().__init__(*args, **more)

    def configure(self):
        """What an engine is told on its own command line is in its file, where
        engine-chain finds it, too."""
        super().configure()
        for name in WAY:
            file = self.dir / "etc" / "engines" / f"{name}.conf"
            late = "chain_late = 0s\n" if name == "alarm" else ""
            file.write_text(file.read_text() + late
                            + "[self]\ninterval = 0s\n")

    def start_chain(self):
        sets = [f"process.status_dir={self.dir / 'run'}"]
        (self.dir / "run").mkdir(exist_ok=True)
        with (self.dir / "engine-chain.log").open("ab") as log:
            return subprocess.Popen(
                [str(rig.BUILD / "engine-chain"), "--config-dir",
                 str(self.dir / "etc")]
                + [a for s in sets for a in ("--set", s)],
                env=self.rig.clock.env(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

    def start(self, name):
        if not self.together or name not in WAY:
            super().start(name)
        elif name == WAY[-1]:
            process = self.start_chain()
            for one in WAY:
                self.engines[one] = Member(self, one, process)

    def start_way(self, together):
        self.together = together
        for name in reversed(WAY):
            self.start(name)

    def kill(self, name):
        engine = self.engines[name]
        engine.kill()
        if engine.process.returncode != -signal.SIGKILL:
            raise rig.Failure(f"engine-{name} ended by itself: "
                              f"{engine.log_tail()}")


class Changes:
    """One story, and what is done to the suite while it is told."""

    def __init__(self, told):
        self.run = told
        self.suite = told.suite
        self.part = len(told.story.messages) // ONLY
        self.allowed = 0

    def more(self):
        self.allowed += self.part
        self.run.feed.allow(self.allowed)

    def half_a_part(self):
        """Some of it is taken, and some is on its way."""
        self.more()
        self.run.feed.wait(self.allowed - self.part // 2)

    def to_one_with_backlog(self):
        """What waits before context and alarm is of the cleaner's and the
        filter's lives before."""
        self.suite.kill("context")
        self.half_a_part()
        for name in ("cleaner", "event-filter", "alarm"):
            self.suite.kill(name)
        self.suite.start_way(True)

    def killed(self):
        for _ in range(2):
            self.half_a_part()
            self.suite.kill("cleaner")
            self.suite.start_way(True)

    def broker_killed(self):
        self.half_a_part()
        self.run.servers.end_broker("killed")
        self.run.servers.start_broker()

    def to_own_ones(self):
        """What the dead process had in memory is with the cleaner only."""
        self.half_a_part()
        self.suite.kill("cleaner")
        self.suite.start_way(False)

    def in_order(self):
        self.suite.wait_ready()
        self.half_a_part()
        for name in WAY:
            self.suite.engines[name].stop()
        self.suite.start_way(True)
        self.suite.wait_ready()
        self.half_a_part()
        self.suite.engines["cleaner"].stop()
        self.suite.start_way(False)

    def go(self):
        self.to_one_with_backlog()
        self.killed()
        self.broker_killed()
        self.to_own_ones()
        self.in_order()
        self.run.feed.allow(len(self.run.story.messages))


def test_one_process(servers, store, case):
    """In one process, killed, and back: the same as ever with one each."""
    told = run.Run(servers, "together", store, case.plain.story,
                   make_suite=Suite)
    Changes(told).go()
    told.wait_end()
    case.plain.judge(told, "in one process and back")
