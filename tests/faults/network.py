# SPDX-License-Identifier: Apache-2.0
"""A network that fails on demand: a TCP proxy on loopback, in a thread.

    delay(s)     what is sent, either way, arrives so much later
    reset()      every connection is reset
    truncate()   every connection ends in the middle of what is sent next
    half_open()  the server's end of every connection is gone, and nobody
                 tells its client; new connections work"""
import asyncio
import socket
import struct
import threading

CHUNK = 64 * 1024
LINGER_RESET = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy."""

    def __init__(self, client, server):
        self.client = client  # (reader, writer) each
        self.server = server
        self.port = client[1].get_extra_info("peername")[1]
        self.cut_next = False
        self.is_half_open = False

    def reset(self):
        for _, writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            if not writer.is_closing():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                LINGER_RESET)
            writer.transport.abort()

    def lose_server(self):
        self.is_half_open = True
        self.server[1].transport.abort()

    def close(self):
        for _, writer in (self.client, self.server):
            writer.close()


class Proxy:
    """Listens on a port of its own and passes on to target_port."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.delay_s = 0
        self.links = set()
        self.n_accepted = 0
        self.loop = asyncio.new_event_loop()
        self.tasks = set()
        self.thread = threading.Thread(target=self.loop.run_forever,
                                       daemon=True)
        self.thread.start()
        self.server = self.call(self.listen())
        self.port = self.server.sockets[0].getsockname()[1]

    def call(self, coroutine):
        """Run it in the proxy's thread; what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def listen(self):
        return await asyncio.start_server(self.take, "127.0.0.1", 0)

    async def take(self, reader, writer):
        """One connection from its begin to its end."""
        try:
            server = await asyncio.open_connection("127.0.0.1",
                                                   self.target_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link((reader, writer), server)
        self.links.add(link)
        self.n_accepted += 1
        try:
            await asyncio.gather(self.pump(link, link.client, link.server),
                                 self.pump(link, link.server, link.client))
        except OSError:
            link.reset()
        finally:
            link.close()
            self.links.discard(link)

    async def pump(self, link, source, target):
        """One direction, until its source ends."""
        while True:
            data = await source[0].read(CHUNK)
            if link.is_half_open:
                if source is link.server:
                    return  # its client is not told
                if not data:
                    raise ConnectionResetError  # it noticed
                continue
            if not data:
                target[1].close()
                return
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if link.cut_next:
                target[1].write(data[:len(data) // 2])
                link.close()
                return
            target[1].write(data)
            await target[1].drain()

    async def do_each(self, what, ports):
        for link in list(self.links):
            if ports is None or link.port in ports:
                what(link)

    def delay(self, seconds):
        self.delay_s = seconds

    def reset(self, ports=None):
        """ports: of the clients, None for all."""
        self.call(self.do_each(Link.reset, ports))

    def truncate(self):
        self.call(self.do_each(lambda link: setattr(link, "cut_next", True),
                               None))

    def half_open(self):
        self.call(self.do_each(Link.lose_server, None))

    def n_links(self):
        return len(self.links)

    def marked(self):
        """Ports of the clients whose connection is to end, or who have not
        noticed its end."""
        return {link.port for link in list(self.links)
                if link.is_half_open or link.cut_next}

    def close(self):
        self.reset()
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
