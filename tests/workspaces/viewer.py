"""A viewer of a terminal: what the browser does, with a screen model that is not Bailey's own."""

import asyncio
import struct
import time

import pyte
import websockets

from harness import Failed


class Viewer:
    """One viewer. It counts every byte of output by its number, so that a lost or a repeated one shows."""

    def __init__(self, url, token, name="main", columns=80, rows=24):
        self.url, self.token, self.name = url, token, name
        self.columns, self.rows = columns, rows
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.epoch = self.next = None
        self.output = b""
        self.screens = self.resumes = 0
        self.exited = None
        self.socket = None
        # A measurement switches it off: drawing takes longer than what is measured.
        self.draws = True

    async def connect(self, fresh=True):
        """Joins the terminal. `fresh` is a page that was loaded anew; otherwise it says what it has seen already."""
        query = f"name={self.name}&columns={self.columns}&rows={self.rows}"
        if not fresh and self.next is not None:
            query += f"&after={self.next}&epoch={self.epoch}"
        self.socket = await websockets.connect(
            f"{self.url}?{query}",
            additional_headers={"Authorization": f"Bearer {self.token}"},
            max_size=None,
            open_timeout=10,
        )

    async def connect_when_up(self, fresh=True, timeout=30):
        """Tries until there is a link to the workspace."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return await self.connect(fresh)
            except (OSError, websockets.WebSocketException) as error:
                if time.monotonic() > deadline:
                    raise Failed(f"there is no terminal: {error}") from error
                await asyncio.sleep(0.002)

    async def close(self):
        await self.socket.close()

    async def type(self, text):
        await self.socket.send(b"I" + (text.encode() if isinstance(text, str) else text))

    async def read(self, timeout=1.0):
        """Takes one frame; False when none came in time."""
        try:
            frame = await asyncio.wait_for(self.socket.recv(), timeout)
        except TimeoutError:
            return False
        kind, rest = frame[:1], frame[1:]
        if kind == b"S":
            self.epoch, self.next = struct.unpack(">QQ", rest[:16])
            self.screen.reset()
            self.draw(rest[16:])
            self.screens += 1
        elif kind == b"R":
            (epoch,) = struct.unpack(">Q", rest)
            if epoch != self.epoch:
                raise Failed(f"resumed in epoch {epoch}, not {self.epoch}")
            self.resumes += 1
        elif kind == b"O":
            (at,) = struct.unpack(">Q", rest[:8])
            if at != self.next:
                raise Failed(f"output {at} came where {self.next} was due: lost or repeated")
            self.next += len(rest) - 8
            self.output += rest[8:]
            self.draw(rest[8:])
            await self.socket.send(b"A" + struct.pack(">Q", self.next))
        elif kind == b"X":
            (self.exited,) = struct.unpack(">i", rest)
        elif kind == b"Z":
            columns, rows = struct.unpack(">HH", rest)
            self.screen.resize(rows, columns)
        else:
            raise Failed(f"a frame of kind {kind!r}")
        return True

    def draw(self, data):
        if self.draws:
            self.stream.feed(data)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    async def until(self, part, timeout=15):
        """Reads until the screen shows `part` (a text or a predicate on the screen's text)."""
        deadline = time.monotonic() + timeout
        found = part if callable(part) else lambda text: part in text
        while not found(self.text()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failed(f"the screen never shows {part!r}:\n{self.text()}")
            await self.read(min(left, 0.5))

    async def settle(self, quiet=0.5):
        """Reads until nothing has come for a while."""
        while await self.read(quiet):
            pass
