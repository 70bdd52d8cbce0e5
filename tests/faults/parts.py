# SPDX-License-Identifier: Apache-2.0
"""Engines in partitions: the same as with one of each, on queues that are what
they must be; and a store that was written with one number of partitions refuses
another."""
import rig
import run

PARTITIONS = {"context": 2, "perfdata": 3, "alarm": 2, "eventstore": 2}
EXIT_FAILED = 1


def check_queues(suite):
    """As the broker has them: quorum queues with one reader at a time, and no
    limit of length."""
    lines = suite.rig.broker("ctl", "-q", "list_queues", "-p", suite.vhost,
                             "--no-table-headers", "name", "type",
                             "arguments").splitlines()
    queues = dict(line.split("\t", 1) for line in lines)
    for name in ["webserver.alerts", "Engine_dead", "Engine_che"] + [
            f"Engine_{name}" for name in suite.list]:
        text = queues.get(name, "nothing")
        if not text.startswith("quorum\t") or "max-length" in text or \
                '"x-single-active-consumer",true' not in text:
            raise rig.Failure(f"queue {name} is {text}")


def expect_refusal(suite, name, text):
    """The engine ends, and says why."""
    engine = suite.engines.pop(name)
    rig.wait_for(f"engine-{name} to end",
                 lambda: engine.process.poll() is not None)
    if engine.process.returncode != EXIT_FAILED or \
            text not in engine.log_tail():
        raise rig.Failure(f"engine-{name} ended with status "
                          f"{engine.process.returncode}: {engine.log_tail()}")


def refuse_other_number(suite, name, partitions):
    """All but the one that is wrong would run."""
    suite.renumber(partitions)
    for process in suite.list:
        suite.start(process)
    expect_refusal(suite, name, "the number in partitions.conf was another")
    suite.kill_all()
    suite.engines.clear()


def test_partitions(servers, store, case):
    """The same as with one of each; another number is refused."""
    told = run.Run(servers, "parts", store, case.plain.story,
                   partitions=PARTITIONS)
    told.feed.allow(len(told.story.messages))
    told.wait_end()
    told.suite.wait_flows()
    check_queues(told.suite)
    case.plain.judge(told, "in partitions")
    refuse_other_number(told.suite, "alarm.0", dict(PARTITIONS, alarm=3))
    refuse_other_number(told.suite, "alarm", {"context": 2, "perfdata": 3,
                                              "eventstore": 2})
