#!/usr/bin/env python3
"""A client in another language, written from docs/wire.md alone: that page must be enough.

  wire_client.py PROGRAM    starts the source's program (source_process.cpp), talks to it, and fails
                            at the first thing that is not as the page says

Only Python's standard library: ZMTP over a TCP socket, then the frames of the page.
"""

import random
import re
import socket
import struct
import subprocess
import sys

LIMIT = 60  # seconds that any single step may take

HELLO, MUTATE, SYNC, BYE, PING, PONG = 0x01, 0x02, 0x03, 0x08, 0x09, 0x0A
WELCOME, REFUSED, REPLY, PUSH, SNAPSHOT, ERROR = 0x11, 0x12, 0x13, 0x14, 0x15, 0x16
ADD, REMOVE, SET, TOGGLE, CAN_ADD, CAN_REMOVE = range(6)
EXECUTED, CANCELED, QUEUED, NOT_SENT, UNKNOWN = range(5)
DENIED = 9  # a reason
MASK = (1 << 64) - 1


class WireError(Exception):
    """The peer said what the page does not allow."""


def check(holds, text):
    if not holds:
        raise WireError(text)


# -- fields ----------------------------------------------------------------------------------------


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def blob(content):
    return varint(len(content)) + content


def text(content):
    return blob(content.encode())


def list_of(write, items):
    return varint(len(items)) + b"".join(write(item) for item in items)


class Reader:
    """Takes fields from a frame."""

    def __init__(self, frame):
        self.rest = frame

    def raw(self, size):
        check(size <= len(self.rest), "truncated")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def fixed(self, size):
        return int.from_bytes(self.raw(size), "little")

    def varint(self):
        value = 0
        for shift in range(0, 64, 7):
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                check(byte != 0 or shift == 0, "a varint that is not the shortest")
                check(value <= MASK, "a varint of more than 64 bits")
                return value
        raise WireError("a varint of more than 10 bytes")

    def blob(self):
        return self.raw(self.varint())

    def text(self):
        return self.blob().decode()

    def list_of(self, read):
        return [read() for _ in range(self.varint())]

    def end(self):
        check(not self.rest, f"{len(self.rest)} bytes after the last field")


# -- clocks ----------------------------------------------------------------------------------------

QUEUE, MACHINE = 1 << 32, (1 << 32) + 1  # positions of the two counters that are not states


def mix(position, value):
    if value == 0:
        return 0
    z = (value + (position + 1) * 0x9E3779B97F4A7C15) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class Clocks:
    def __init__(self, ticks, queue, machine):
        self.ticks, self.queue, self.machine = ticks, queue, machine

    def digest(self):
        states = sum(mix(index, tick) for index, tick in enumerate(self.ticks))
        return (states + mix(QUEUE, self.queue) + mix(MACHINE, self.machine)) & MASK

    def after(self, diff):
        """The clocks that a diff leads to, whose digest is to be checked before it is applied."""
        changes, queue, machine = diff
        ticks = list(self.ticks)
        for index, increment in changes:
            check(index < len(ticks), f"a change of state {index}")
            ticks[index] += increment
        return Clocks(ticks, self.queue + queue, self.machine + machine)


def read_full_clocks(reader):
    clocks = Clocks(reader.list_of(reader.varint), reader.varint(), reader.varint())
    check(reader.fixed(8) == clocks.digest(), "the digest of full clocks does not match")
    return clocks


def read_diff(reader):
    head = reader.varint()
    changes = []
    index = 0
    for _ in range(head >> 2):
        change = reader.varint()
        index += change >> 2
        increment = change & 3 or reader.varint()
        changes.append((index, increment))
        index += 1
    queue = reader.varint() if head & 1 else 0
    machine = reader.varint() if head & 2 else 0
    return changes, queue, machine


def read_schema(content):
    reader = Reader(content)
    names = reader.list_of(reader.text)
    states = {}
    for name in names:
        flags = reader.fixed(1)
        state = {"automatic": bool(flags & 1), "multi": bool(flags & 2)}
        for bit, relation in ((4, "require"), (8, "add"), (16, "remove"), (32, "after")):
            if flags & bit:
                state[relation] = [names[index] for index in reader.list_of(reader.varint)]
        if flags & 64:
            state["tags"] = reader.list_of(reader.text)
        states[name] = state
    reader.end()
    return names, states


# -- ZMTP ------------------------------------------------------------------------------------------


class Connection:
    """One TCP connection that speaks ZMTP 3 without encryption, as a DEALER to a ROUTER."""

    def __init__(self, endpoint):
        host, port = re.fullmatch(r"tcp://(.+):(\d+)", endpoint).groups()
        self.socket = socket.create_connection((host, int(port)), LIMIT)
        self.socket.sendall(
            b"\xFF" + bytes(8) + b"\x7F"  # signature
            + b"\x03\x00"  # version 3.0
            + b"NULL".ljust(20, b"\0")  # mechanism
            + b"\0"  # not its server
            + bytes(31)
        )
        greeting = self.receive(64)
        check(greeting[0] == 0xFF and greeting[9] == 0x7F, "no ZMTP")
        check(greeting[10] >= 3, "ZMTP before version 3")
        check(greeting[12:32] == b"NULL".ljust(20, b"\0"), "another mechanism")
        kind = b"DEALER"
        ready = b"\x05READY" + b"\x0BSocket-Type" + struct.pack(">I", len(kind)) + kind
        self.socket.sendall(bytes([0x04, len(ready)]) + ready)
        flags, body = self.receive_part()
        check(flags & 0x04 and body.startswith(b"\x05READY"), "no READY")
        check(b"\x0BSocket-Type\0\0\0\x06ROUTER" in body, "not a ROUTER")

    def receive(self, size):
        taken = b""
        while len(taken) < size:
            part = self.socket.recv(size - len(taken))
            check(part, "the connection was closed")
            taken += part
        return taken

    def receive_part(self):
        """Flags and body of a ZMTP frame. Flags: 1 more parts follow, 2 long, 4 a command."""
        flags = self.receive(1)[0]
        size = struct.unpack(">Q", self.receive(8))[0] if flags & 2 else self.receive(1)[0]
        return flags, self.receive(size)

    def send_frame(self, frame):
        if len(frame) < 256:
            self.socket.sendall(bytes([0, len(frame)]) + frame)
        else:
            self.socket.sendall(b"\x02" + struct.pack(">Q", len(frame)) + frame)

    def receive_frame(self):
        while True:
            flags, body = self.receive_part()
            if flags & 4:
                check(body.startswith(b"\x04PING"), "an unknown command")
                self.socket.sendall(bytes([4, len(body) - 2]) + b"\x04PONG" + body[7:])
                continue
            check(flags & 1 == 0, "a frame of several parts")
            return body

    def close(self):
        self.socket.close()


# -- the link --------------------------------------------------------------------------------------


class Link:
    """One remote machine: its schema and clocks, and calls one after the other."""

    def __init__(self, connection, link, machine=""):
        self.connection = connection
        self.link = link
        self.request = 0
        self.waiting = False  # for a snapshot
        self.held = None  # a reply that came meanwhile
        self.pushes = 0
        self.send(
            HELLO,
            b"amrp" + varint(1) + varint(1)  # versions
            + varint(0)  # features
            + random.randbytes(8)  # session
            + bytes(8)  # no schema is known
            + text("wire_client.py") + text(machine)
            + varint(0),  # extensions
        )
        kind, reader = self.receive()
        check(kind == WELCOME, f"a {kind:#04x} instead of a welcome")
        check(reader.varint() == 1, "another version")
        check(reader.varint() == 0, "features that were not offered")
        self.epoch, self.fingerprint = reader.fixed(8), reader.fixed(8)
        self.machine_id = reader.text()
        self.names, self.schema = read_schema(reader.blob())
        self.sequence = reader.varint()
        self.clocks = read_full_clocks(reader)
        reader.list_of(lambda: (reader.varint(), reader.blob()))  # extensions: none is known
        reader.end()

    def send(self, kind, body=b""):
        self.connection.send_frame(bytes([kind]) + varint(self.link) + body)

    def receive(self):
        """Type and fields of the next frame that is not about the connection alone."""
        while True:
            reader = Reader(self.connection.receive_frame())
            kind, link = reader.fixed(1), reader.varint()
            check(link == self.link, f"a frame of link {link}")
            if kind != PING:
                return kind, reader
            self.send(PONG, varint(reader.varint()) + varint(0))

    def step(self):
        """Takes one frame. Returns (request, kind, reason, text) for an answer."""
        kind, reader = self.receive()
        if kind == PUSH:
            self.pushes += 1
            self.take_diff(reader.varint(), read_diff(reader), reader.fixed(4))
            return None
        if kind == REPLY:
            request, sequence, outcome = reader.varint(), reader.varint(), reader.fixed(1)
            if outcome & 7 == QUEUED:
                reader.varint()
            words = reader.text() if outcome & 0x80 else ""
            answer = (request, outcome & 7, outcome >> 3 & 15, words)
            if self.take_diff(sequence, read_diff(reader), reader.fixed(4)):
                reader.end()
                return answer
            self.held = answer  # the caller must find what it did in the clocks
            return None
        if kind == SNAPSHOT:
            sequence = reader.varint()
            reader.varint()  # the last request
            reader.list_of(reader.varint)  # those without an answer
            clocks = read_full_clocks(reader)
            reader.end()
            if sequence <= self.sequence:
                return None
            self.sequence, self.clocks, self.waiting = sequence, clocks, False
            answer, self.held = self.held, None
            return answer
        if kind == ERROR:
            return (reader.varint(), UNKNOWN, reader.fixed(1), reader.text())
        if kind == BYE:
            raise WireError(f"the server said bye with code {reader.fixed(1)}")
        return None  # a pong, or a message of a later version

    def take_diff(self, sequence, diff, digest):
        """True when the clocks are those that the server had as it sent this."""
        if self.waiting or sequence <= self.sequence:
            return not self.waiting
        after = self.clocks.after(diff)
        if sequence != self.sequence + 1 or after.digest() & 0xFFFFFFFF != digest:
            self.sync()
            return False
        self.sequence, self.clocks = sequence, after
        return True

    def sync(self):
        self.waiting = True
        self.send(SYNC)

    def mutate(self, op, *states, args=b""):
        self.request += 1
        called = [state if isinstance(state, int) else self.names.index(state) for state in states]
        flags = op | (8 if args else 0)
        self.send(
            MUTATE,
            varint(self.request) + varint(flags) + list_of(varint, called)
            + (blob(args) if args else b""),
        )
        while True:
            answer = self.step()
            if answer and answer[0] == self.request:
                return answer[1:]

    def tick(self, state):
        return self.clocks.ticks[self.names.index(state)]

    def active(self, state):
        return self.tick(state) % 2 == 1

    def wait(self, holds):
        """Takes frames until the clocks are such that `holds`; answered here, nothing is asked."""
        while not holds():
            self.step()

    def bye(self):
        self.send(BYE, b"\0" + varint(0))


# -- the scenario ----------------------------------------------------------------------------------


def scenario(endpoint, tell):
    """`tell` gives the source a line and returns its answer: see source_process.cpp."""
    check(mix(0, 1) == 0x910A2DEC89025CC1, "mix is not that of the page")
    check(Clocks([0, 1, 2, 300], 5, 1).digest() == 0xA30879CC27532F13, "nor is the digest")

    connection = Connection(endpoint)
    link = Link(connection, 1)
    check(link.machine_id == "source", f"the machine is {link.machine_id}")
    check(
        link.names == ["Closed", "Open", "Locked", "Knock", "Light", "Exception"],
        f"the states are {link.names}",
    )
    check(link.schema["Closed"]["remove"] == ["Open"], "relations are not those of the source")
    check(link.schema["Knock"]["multi"] and not link.schema["Light"]["multi"], "nor are flags")

    # The source mutates itself, so every push has another diff; each digest is checked.
    link.wait(lambda: link.pushes >= 50)
    check(not link.waiting, "a diff did not fit")
    knocks = link.tick("Knock")
    for _ in range(100):
        check(link.mutate(ADD, "Knock")[0] == EXECUTED, "a mutation was not executed")
        check(link.tick("Knock") > knocks, "its effect does not show")
        knocks = link.tick("Knock")
    check(link.mutate(CAN_ADD, "Locked", "Open")[0] in (EXECUTED, CANCELED), "no dry run")

    # Named arguments travel as they are: none typed, one named "who", a text.
    who = varint(0) + varint(1) + text("who") + varint(4) + text("wire")
    check(link.mutate(ADD, "Light", args=who)[0] == EXECUTED, "arguments are refused")
    check(link.active("Light"), "Light is off")
    kind, reason, words = link.mutate(ADD, 99)
    check((kind, reason) == (NOT_SENT, DENIED) and words, "a state that is not there")

    # Waits need no request: the source goes on, and its pushes tell.
    passed = link.tick("Open") + 10
    link.wait(lambda: link.tick("Open") >= passed)
    check(link.mutate(REMOVE, "Light")[0] == EXECUTED and not link.active("Light"), "Light is on")
    check(tell("add Light") == "executed", "the source does not add Light")
    link.wait(lambda: link.active("Light"))

    # Quiet now: what remains to come is a push.
    ticks = [int(tick) for tick in re.findall(r"\d+", tell(""))]
    link.wait(lambda: link.clocks.ticks == ticks)

    link.sync()
    link.wait(lambda: not link.waiting)
    check(link.clocks.ticks == ticks, "the snapshot differs from the diffs")

    # A second link of the same connection, then both say bye.
    link.bye()
    other = Link(connection, 2, "source")
    check((other.epoch, other.fingerprint) == (link.epoch, link.fingerprint), "another machine")
    check(other.clocks.ticks == ticks, "the welcome differs")
    other.bye()
    connection.close()


def main():
    with subprocess.Popen(
        sys.argv[1:2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as source:
        try:
            endpoint = source.stdout.readline().strip()

            def tell(line):
                source.stdin.write(line + "\n")
                source.stdin.flush()
                return source.stdout.readline().strip()

            scenario(endpoint, tell)
        finally:
            source.kill()
    print("as the page says")


if __name__ == "__main__":
    main()
