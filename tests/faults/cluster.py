#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The chain past one machine: a RabbitMQ cluster of three nodes, a MongoDB
replica set of three members, four partitions and two instances of each
engine; under load a node, an instance and the primary are killed, and a node
is stopped as it is (SIGSTOP).

usage: cluster.py [--events N] [--rounds N] [--seed S] [--keep]

While one is away the whole chain must go on, and the end must be that of a
run on the same servers with one partition, one instance and no fault."""
import argparse
import random
import signal
import sys
import time

import compare
import members
import rig
import run

N_SERVERS = 3
PARTITIONS = {"context": 4, "perfdata": 4, "alarm": 4, "eventstore": 4}
SECOND = "-second"
HEALTHY_S = 60


class Cluster(rig.Rig):
    """Three of each server."""

    def __init__(self):
        super().__init__()
        self.broker_ports = [self.broker_port] + rig.free_ports(N_SERVERS - 1)
        self.broker_dirs = [self.broker_dir] + [
            self.dir / f"broker{i}" for i in range(1, N_SERVERS)]
        self.set = members.Members(self)
        self.env["HYP_TEST_AMQP_OTHERS"] = self.others(0)
        self.env["ERL_FLAGS"] = "+S 2:2 +sbwt none"

    def others(self, node):
        """All nodes but this one, each beginning with its neighbour."""
        return ",".join(f"127.0.0.1:{self.broker_ports[(node + i) % N_SERVERS]}"
                        for i in range(1, N_SERVERS))

    def amqp_conf(self):
        return f"port = {self.broker_port}\nother_hosts = {self.others(0)}\n"

    def feed_env(self):
        return self.env

    def node(self, number, command, *args):
        return rig.run(rig.SUPPORT / "rabbitmq.sh", command,
                       self.broker_dirs[number], *args, env=self.env)

    def start_node(self, number):
        self.node(number, "start", self.broker_ports[number])

    def start_broker(self):
        self.start_node(0)
        for number in range(1, N_SERVERS):
            self.node(number, "join", self.broker_ports[number],
                      self.broker_dirs[0])

    def start_mongod(self):
        self.set.start_all()
        self.has_mongod = True

    def store_uri(self, name):
        """Of all of them."""
        return self.set.uri(name)

    def close(self, keep):
        self.drop_all()
        ends = [lambda n=n: self.node(n, "stop")
                for n in reversed(range(N_SERVERS))]
        self.end(ends + self.set.stops(), keep)


class Doubled(rig.Suite):
    """Two instances of each process; the second ones begin with another node,
    as on a second machine. What ends by the fence is started again, as the
    supervisor does."""

    def start_second(self, name):
        servers = self.rig
        self.engines[name + SECOND] = rig.Engine(
            self, name, SECOND,
            [f"amqp.port={servers.broker_ports[1]}",
             f"amqp.other_hosts={servers.others(1)}"])

    def start_all(self):
        super().start_all()
        for name in self.list:
            self.start_second(name)
        self.wait_ready()

    def start_again(self, key):
        if key.endswith(SECOND):
            self.start_second(key.removesuffix(SECOND))
        else:
            self.start(key)

    def tend(self):
        for key, engine in list(self.engines.items()):
            status = engine.process.poll()
            if status == rig.EXIT_FENCED:
                self.start_again(key)
            elif status is not None:
                raise rig.Failure(f"{key} ended with status {status}: "
                                  f"{engine.log_tail()}")

    def pair(self, name):
        return [self.engines[name], self.engines[name + SECOND]]

    def active(self, name):
        """Key of the instance that was given something last."""
        return max((name, name + SECOND),
                   key=lambda key: self.engines[key].chain_s())

    def all_ready(self):
        self.tend()
        return all(e.status().get("ready") for e in self.engines.values())

    def wait_ready(self, patience_s=rig.PATIENCE_S):
        rig.wait_for("every instance ready", self.all_ready, patience_s)

    def behind(self, since_s):
        """Processes that have not seen a mark newer than this."""
        self.tend()
        return [name for name in self.list if name != rig.NO_MARKS and
                max(e.chain_s() for e in self.pair(name)) <= since_s]

    def wait_flows(self, what):
        """What is sent now arrives at the end of each way."""
        since_s = time.time()
        try:
            rig.wait_for("marks", lambda: not self.behind(since_s))
        except rig.Failure as failure:
            raise rig.Failure(f"{what}: nothing arrives any more at "
                              f"{self.behind(since_s)}") from failure
        return time.time() - since_s

    def stop_one(self, key):
        engine = self.engines.pop(key)
        engine.process.terminate()
        status = engine.process.wait(rig.PATIENCE_S)
        if status not in (0, rig.EXIT_FENCED):
            raise rig.Failure(f"{key} stopped with status {status}: "
                              f"{engine.log_tail()}")

    def stop_all(self):
        for name in self.list:
            waiting = name if self.active(name) != name else name + SECOND
            self.stop_one(waiting)
            self.stop_one(name + SECOND if waiting == name else name)


class Kills:
    """What is killed while the story is told, in an order from a seed."""

    def __init__(self, told, seed, rounds):
        self.run = told
        self.suite = told.suite
        self.servers = told.servers
        self.random = random.Random(seed)
        names = [self.random.choice([n for n in self.suite.list
                                     if n.split(".")[0] == kind])
                 for kind in self.suite.chain]
        plan = [("instance", name) for name in names]
        plan += [("node", number) for number in range(N_SERVERS)]
        plan += [("hung", self.random.randrange(N_SERVERS))]
        plan += [("primary", "")] * 2
        self.plan = plan * rounds
        self.random.shuffle(self.plan)

    def strike_instance(self, name):
        key = self.suite.active(name)
        self.suite.engines[key].kill()
        self.suite.start_again(key)
        return self.suite.wait_flows(f"{key} killed")

    def strike_node(self, number):
        self.servers.node(number, "kill")
        took_s = self.suite.wait_flows(f"node {number} away")
        self.servers.start_node(number)
        return took_s

    def strike_hung(self, number):
        """It keeps its connections and answers nothing any more."""
        node = rig.Process(int(self.servers.node(number, "pid")))
        node.signal(rig.STOP)
        try:
            took_s = self.suite.wait_flows(f"node {number} hangs")
        finally:
            node.signal(rig.CONTINUE)
        return took_s

    def strike_primary(self, _):
        number = self.servers.set.primary()
        self.servers.set.tell(number, "kill")
        took_s = self.suite.wait_flows("the primary away")
        self.servers.set.start(number)
        return took_s

    def strike(self, what, which):
        return {"instance": self.strike_instance, "node": self.strike_node,
                "hung": self.strike_hung,
                "primary": self.strike_primary}[what](which)

    def go(self):
        n = len(self.run.story.messages)
        part = n // (len(self.plan) + 1)
        for i, (what, which) in enumerate(self.plan):
            self.run.feed.allow((i + 1) * part)
            self.run.feed.wait(i * part + self.random.randrange(1, part))
            took_s = self.strike(what, which)
            self.suite.wait_ready(HEALTHY_S)
            rig.say(f"  {what} {which} struck: the chain went on after "
                    f"{took_s:.1f} s")
        self.run.feed.allow(n)


def tell(servers, plain, options):
    told = run.Run(servers, "cluster", "mongodb", plain.story, Doubled,
                   partitions=PARTITIONS)
    kills = Kills(told, options.seed, options.rounds)
    kills.go()
    told.wait_end()
    told.suite.wait_flows("at the end")
    return told.finish(plain.oracle)


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true",
                        help="keep the folder when it fails")
    return parser.parse_args()


def test(servers, options):
    plain = run.Plain(options.seed, options.events)
    servers.start_broker()
    servers.start_mongod()
    rig.say("  three nodes, three members")
    wanted = plain.wanted(servers, "mongodb")
    rig.say(f"  {len(wanted)} rows without a fault")
    lines = compare.difference(wanted, tell(servers, plain, options))
    if lines:
        raise rig.Failure("\n".join(lines))
    rig.say(f"  {len(wanted)} rows are the same")


def on_signal(number, _):
    sys.exit(128 + number)


def main():
    signal.signal(signal.SIGTERM, on_signal)
    options = parse_args()
    servers = Cluster()
    begun = time.monotonic()
    verdict = "FAILED"
    try:
        test(servers, options)
        verdict = "ok"
    except rig.Failure as failure:
        verdict = f"FAILED: {failure}"
    finally:
        servers.close(options.keep and verdict != "ok")
    rig.say(f"cluster, seed {options.seed}: {verdict} "
            f"({time.monotonic() - begun:.0f} s)")
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
