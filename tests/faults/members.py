# SPDX-License-Identifier: Apache-2.0
"""A MongoDB replica set of three members, for what strikes its primary."""
import concurrent.futures

import rig

N_MEMBERS = 3


class Members:
    """The set; its folders lie in a rig's."""

    def __init__(self, servers):
        self.env = servers.env
        self.ports = rig.free_ports(N_MEMBERS)
        self.dirs = [servers.dir / f"mongod{i}" for i in range(N_MEMBERS)]

    def tell(self, number, command, *args):
        return rig.run(rig.SUPPORT / "mongod.sh", command, self.dirs[number],
                       *args, env=self.env)

    def start(self, number):
        self.tell(number, "start", self.ports[number], "--member")

    def process(self, number):
        return rig.Process(int(self.tell(number, "pid")))

    def addresses(self):
        return [f"127.0.0.1:{port}" for port in self.ports]

    def ctl(self, command, *args):
        return rig.run(rig.TOOLS / "mongo_ctl", command, *args,
                       env=self.env).strip()

    def primary(self, but=None):
        """Number of the member that the others take for the primary; but:
        one that is not asked, nor meant."""
        addresses = self.addresses()
        for number, address in enumerate(addresses):
            if number == but:
                continue
            try:
                found = self.ctl("primary", address)
            except rig.Failure:
                continue
            if found and addresses.index(found) != but and \
                    self.ctl("primary", found) == found:
                return addresses.index(found)
        return None

    def step_down(self, number):
        self.ctl("step-down", self.addresses()[number])

    def start_all(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(self.start, range(N_MEMBERS)))
        self.ctl("initiate", *self.addresses())
        rig.wait_for("a primary", lambda: self.primary() is not None)

    def uri(self, name):
        return f"mongodb://{','.join(self.addresses())}/{name}?replicaSet=rs0"

    def stops(self):
        """What ends each of them."""
        return [lambda n=n: self.tell(n, "stop") for n in range(N_MEMBERS)]
