"""Records what a release writes and says, for tests/upgrades: directories of a group with a history, what is read back
from them, and conversations of its peers. By hand, as root (it listens on the loopback interface), once for a release
whose files or words differ from those of the release before:

    python3 tests/recorded/record.py target/release/peer tests/recorded/0.1.0
    python3 tests/recorded/record.py target/release/peer tests/recorded/0.1.0-months --rotate month --keep 400d

What follows are options of all peers: these make directories of version 2, and peers that say what they keep.

The history: Lab and kitchen work apart, and merge, so that kitchen cuts its log; attic joins; the leader, Lab, is killed,
replaced, and comes back; readings wait at Lab for a leader that hangs, and Lab is killed.
"""

import atexit
import collections
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PEER, RECORD, OPTIONS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:]
PORTS = {"Lab": 17001, "kitchen": 17002, "attic": 17003}
DISCOVERY, APART = 17009, 17008
TIMING = ["--heartbeat-interval", "200ms", "--heartbeat-timeout", "1500ms", "--election-timeout", "500ms"]
PATIENCE = 30
ETHERNET_AND_IP, OUTGOING = 0x0003, 4


class Sniffer(threading.Thread):
    """Puts the directions of TCP connections together, and keeps datagrams."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(ETHERNET_AND_IP))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind(("lo", 0))
        self.streams, self.datagrams = collections.OrderedDict(), []

    def run(self):
        while True:
            packet, address = self.socket.recvfrom(1 << 18)
            if address[2] != OUTGOING and packet[0] >> 4 == 4:
                self.take(packet[(packet[0] & 15) * 4:struct.unpack("!H", packet[2:4])[0]], packet[9])

    def take(self, segment, protocol):
        source, target = struct.unpack("!HH", segment[:4])
        if protocol == 17 and target in (DISCOVERY, APART):
            self.datagrams.append(segment[8:])
        if protocol == 6 and {source, target} & set(PORTS.values()):
            number, begins = struct.unpack("!I", segment[4:8])[0], segment[13] & 2
            stream = self.streams.setdefault((source, target), {"next": None, "bytes": b""})
            if begins:
                stream["next"] = (number + 1) & 0xFFFFFFFF
            data = segment[(segment[12] >> 4) * 4:]
            if data and number == stream["next"]:
                stream["bytes"] += data
                stream["next"] = (number + len(data)) & 0xFFFFFFFF


class Process:
    def __init__(self, peer, port, *options):
        self.log, self.peer = open(f"{peer}.log", "ab"), peer
        command = [PEER, "--peer-id", peer, "--resume", "--sensor", "stdin", "--bind", "127.0.0.1", *TIMING]
        command += ["--broadcast-port", str(port), "--port", str(PORTS[peer]), *OPTIONS, *options]
        self.begin = os.path.getsize(f"{peer}.log")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=self.log, env={})
        atexit.register(self.process.kill)

    def said(self):
        with open(f"{self.peer}.log") as log:
            log.seek(self.begin)
            return log.read()

    def wait_for(self, pattern):
        until(lambda: re.search(pattern, self.said(), re.M), f"{self.peer}: {pattern}")

    def leads(self):
        return re.findall("Is Group Leader: (.*)", self.said())[-1] == "True"

    def feed(self, *lines):
        self.process.stdin.write("".join(f"DATA|{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def end(self, number):
        self.process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.process.wait(PATIENCE)


def until(holds, what):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def rows(directory, count):
    def held():
        files = [os.path.join("data", directory, name) for name in os.listdir(f"data/{directory}")]
        return sum(len(open(name).readlines()) - 1 for name in files if name.endswith(".csv"))
    until(lambda: held() == count, f"{count} rows in {directory}")


def readings(sensor, day, count, values):
    return [f"{sensor}|2026-01-{day:02}T06:{minute:02}:00Z|{values}" for minute in range(count)]


def history(sniffer):
    lab, kitchen = Process("Lab", DISCOVERY), Process("kitchen", APART)
    for peer in (lab, kitchen):
        peer.wait_for("Is Group Leader: True")
    lab.feed(*readings("roof", 1, 5, "-3.5|81|1013.2"), *readings("Temp", 1, 3, "21.25||"))
    kitchen.feed(*readings("oven", 2, 4, "180||"), *readings("com1", 2, 3, "20.5|40|1012"))
    rows("Lab+1", 8), rows("kitchen", 7)
    kitchen.end(signal.SIGTERM)
    kitchen = Process("kitchen", DISCOVERY)
    for peer in (lab, kitchen):
        peer.wait_for(r"View .*: \[Lab, kitchen\]")
    rows("Lab+1", 15), rows("kitchen", 15)
    attic = Process("attic", DISCOVERY)
    for peer in (lab, kitchen, attic):
        peer.wait_for(r"View .*: \[Lab, attic, kitchen\]")
    attic.feed(*readings("attic", 3, 6, "11.5|70|"))
    rows("kitchen", 21), rows("attic", 21)
    subprocess.run([PEER, "status", f"127.0.0.1:{PORTS['Lab']}"], env={}, stdout=subprocess.DEVNULL)
    refused()
    assert leader_of(lab, kitchen, attic) is lab, "it led when the others came"
    until(lambda: any(b"HEARTBEAT_ACK" in stream["bytes"] for stream in list(sniffer.streams.values())), "an answer")
    lab.end(signal.SIGKILL)
    for peer in (kitchen, attic):
        peer.wait_for(r"View .*: \[attic, kitchen\]")
    kitchen.feed(*readings("oven", 4, 5, "190.75||"))
    rows("kitchen", 26), rows("attic", 26)
    lab = Process("Lab", DISCOVERY)
    lab.wait_for(r"View .*: \[Lab, attic, kitchen\]")
    lab.feed(*readings("roof", 5, 4, "-4.5|82|1011.7"))
    for directory in ("Lab+1", "kitchen", "attic"):
        rows(directory, 30)
    assert leader_of(lab, kitchen, attic) is kitchen, "it ranks highest"
    attic.end(signal.SIGTERM)
    lab.wait_for(r"Gone from the group: \[attic\]")
    kitchen.end(signal.SIGSTOP)
    lab.feed(*readings("roof", 6, 4, "-5.5|83|1010.1"), *readings("Temp", 6, 2, "22.5||"))
    until(lambda: open("data/Lab+1/pending").read().endswith("Temp|2026-01-06T06:01:00Z|22.5||\n"), "what is pending")
    lab.end(signal.SIGKILL)
    kitchen.end(signal.SIGCONT)
    kitchen.end(signal.SIGTERM)


def refused():
    """Says a HELLO for another peer."""
    with socket.create_connection(("127.0.0.1", PORTS["Lab"])) as stranger:
        stranger.sendall(b"HELLO:2:sensors:-:cellar:1:127.0.0.1:17004:roof:0000000000000001\n")
        stranger.shutdown(socket.SHUT_WR)
        stranger.recv(1000)


def leader_of(*peers):
    leader, = (peer for peer in peers if peer.leads())
    return leader


def keep_files():
    for peer in ("Lab+1", "kitchen"):
        shutil.copytree(f"data/{peer}", f"{RECORD}/data/{peer}", ignore=shutil.ignore_patterns("lock"))
    # A history of many megabytes has more than one segment; here the first one ends after the second batch.
    name = f"{RECORD}/data/Lab+1/journal/{1:020}.log"
    bytes_ = open(name, "rb").read()
    batches = [match.start() for match in re.finditer(rb"^BATCH:", bytes_, re.M)]
    first = int(bytes_[batches[2]:].split(b":")[2])
    open(name, "wb").write(bytes_[:batches[2]])
    open(f"{RECORD}/data/Lab+1/journal/{first:020}.log", "wb").write(bytes_[batches[2]:])
    for peer in ("Lab", "kitchen"):
        given = ["--data-dir", f"{RECORD}/data", peer]
        for name, command in (("tail.csv", ["tail", "--from", "1"]), ("export.csv", ["export", "--format", "csv"])):
            done = subprocess.run([PEER, *command, *given], env={}, stdout=subprocess.PIPE, check=True)
            open(f"{RECORD}/{peer}.{name}", "wb").write(done.stdout)
        done = subprocess.run([PEER, "verify", "--json", *given], env={}, stdout=subprocess.PIPE, check=True)
        open(f"{RECORD}/{peer}.sha256", "w").write(json.loads(done.stdout)["peers"][0]["sha256"] + "\n")


def keep_words(sniffer):
    """Keeps the first connections that between them have all verbs that were said, and a datagram of each kind."""
    verb = re.compile(rb"^(?!DATA|FROM|BATCH|\d)([A-Z_ ]+)(?=:|$)", re.M)
    names, said = {port: peer for peer, port in PORTS.items()}, set()
    for (source, target), stream in sniffer.streams.items():
        verbs = set(verb.findall(stream["bytes"]))
        if verbs - said:
            said |= verbs
            name = f"{len(os.listdir(f'{RECORD}/said')):02}-{'to-' + names[target] if target in names else 'answer-of-' + names[source]}"
            open(f"{RECORD}/said/{name}", "wb").write(stream["bytes"])
    for kind in (b"NEW_PEER_REQUEST", b"LEADER"):
        bytes_ = next(bytes_ for bytes_ in sniffer.datagrams if b"\n" + kind in bytes_)
        open(f"{RECORD}/datagrams/{kind.decode()}", "wb").write(bytes_)
    print("verbs:", b", ".join(sorted(said)).decode())


def closed(sniffer):
    """A datagram of a closed group, and its key."""
    subprocess.run([PEER, "key", "new", f"{RECORD}/key"], env={}, check=True, stdout=subprocess.DEVNULL)
    seen = len(sniffer.datagrams)
    peer = Process("Lab", DISCOVERY, "--key-file", f"{RECORD}/key", "--data-dir", "closed")
    until(lambda: len(sniffer.datagrams) > seen, "a datagram")
    peer.end(signal.SIGTERM)
    open(f"{RECORD}/datagrams/sealed", "wb").write(sniffer.datagrams[seen])


def main():
    for part in ("", "/said", "/datagrams"):
        os.mkdir(RECORD + part)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        sniffer = Sniffer()
        sniffer.start()
        history(sniffer)
        keep_files()
        keep_words(sniffer)
        closed(sniffer)
        os.chdir("/")


main()
