# SPDX-License-Identifier: Apache-2.0
"""What the processes of a suite log from a moment on: how a test knows that a
fault was noticed, and by whom."""

TROUBLE = "WARNING"


class Ears:
    """Listens to every engine and to the webserver."""

    def __init__(self, suite):
        logs = {name: engine.log for name, engine in suite.engines.items()}
        if suite.web is not None:
            logs["webserver"] = suite.web.log
        self.logs = {name: (path, path.stat().st_size)
                     for name, path in logs.items()}

    def lines(self, name):
        """[(level, id, text)] of one process."""
        path, begin = self.logs[name]
        with path.open("rb") as file:
            file.seek(begin)
            lines = file.read().decode(errors="replace").splitlines()
        fields = [line.split(None, 3) for line in lines]
        return [tuple(f[1:]) for f in fields if len(f) == 4]

    def who(self, log_id, level=TROUBLE, text=""):
        """Names of those that told it."""
        return {name for name in self.logs
                if any(a == level and b == log_id and text in c
                       for a, b, c in self.lines(name))}

    def everybody(self, log_id):
        """Whether all of them told it."""
        return self.who(log_id) == set(self.logs)
