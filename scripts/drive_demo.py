"""Drives scripts/run_three_peers.sh on a pseudo terminal, as a person does. Exit status 1 where it does not behave."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

PATIENCE = 60.0


class Demo:
    def __init__(self, columns, options, path=""):
        self.columns = columns
        self.text = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.environ["PATH"] = path + os.environ["PATH"]
            self.size_of(0, columns)
            os.execv("scripts/run_three_peers.sh", ["run_three_peers.sh", *options])
        self.before = termios.tcgetattr(self.terminal)

    @staticmethod
    def size_of(terminal, columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        ready, _, _ = select.select([self.terminal], [], [], 0.2)
        if not ready:
            return False
        try:
            read = os.read(self.terminal, 65536)
        except OSError:
            read = b""
        self.text += read.decode("utf-8", "replace")
        return bool(read)

    def frames(self):
        """What was drawn, a frame each, as lines."""
        screen = self.text.split("\033[?25h")[0]
        frames = screen.split("\033[H")[1:]
        return [re.sub(r"\033\[[0-9?]*[a-zA-Z]", "", frame).replace("\r", "").split("\n") for frame in frames]

    def wait_for(self, what, pattern):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            frames = self.frames()
            # The last screen may be half drawn.
            if len(frames) > 1 and re.search(pattern, "\n".join(frames[-2])):
                return re.search(pattern, "\n".join(frames[-2]))
            self.read()
        sys.exit(f"{self.columns} columns: {what} is not shown:\n" + "\n".join(self.frames()[-1] if self.frames() else [self.text]))

    def end(self):
        os.write(self.terminal, b"\x03")
        until = time.monotonic() + PATIENCE
        ended = 0
        while ended == 0 and time.monotonic() < until:
            self.read()
            ended, status = os.waitpid(self.pid, os.WNOHANG)
        if ended == 0 or os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"{self.columns} columns: Ctrl-C does not end it well:\n{self.text[-500:]}")
        while self.read():
            pass
        widest = max(len(line) for frame in self.frames() for line in frame)
        if widest > self.columns:
            sys.exit(f"{self.columns} columns: a line of {widest}")
        if not self.text.rstrip().endswith("readings") or "\033[?1049l" not in self.text:
            sys.exit(f"the terminal is not given back:\n{self.text[-500:]!r}")


def state(peer_pid, word):
    return rf"(peer\d) +{peer_pid} +\d+ +{word}"


def is_gone(pid):
    """Or dead, and nobody asks for its status: a container has not always somebody who does."""
    stat = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, text=True, check=False).stdout
    return stat.strip() == "" or stat.startswith("Z")


def silent_leader(options):
    """A leader is silent, and what the system says of processes does not show why: the others tell by their view. And where the
    script itself is killed, its peers end, too."""
    with tempfile.TemporaryDirectory() as directory:
        blind = os.path.join(directory, "ps")
        with open(blind, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\n' + shutil.which("ps") + ' "$@" | sed "s/^T/S/"\n')
        os.chmod(blind, 0o755)
        demo = Demo(80, options, directory + ":")
        demo.wait_for("two members", r"member(.|\n)*member")
        leader = demo.wait_for("a leader", r"peer\d +(\d+) +\d+ +leads").group(1)
        peers = [int(pid) for pid in re.findall(r"peer\d +(\d+) ", "\n".join(demo.frames()[-2]))]
        os.kill(int(leader), signal.SIGSTOP)
        demo.wait_for("the silent leader", state(leader, "hung"))
        os.kill(demo.pid, signal.SIGKILL)
        os.waitpid(demo.pid, 0)
        until = time.monotonic() + PATIENCE
        while not all(is_gone(pid) for pid in peers):
            if time.monotonic() > until:
                sys.exit(f"of {peers} some outlive the script")
            time.sleep(0.1)


def main(options):
    silent_leader(options)
    demo = Demo(40, options)
    first = demo.wait_for("a leader", r"peer\d +(\d+) +\d+ +leads").group(1)
    os.kill(int(first), signal.SIGKILL)
    demo.wait_for("when the dead one died, whole", state(first, r"dead, \d\d:\d\d:\d\d(\n|$)"))
    demo.end()
    demo = Demo(200, options)
    leader = demo.wait_for("a leader", r"peer\d +(\d+) +\d+ +leads").group(1)
    demo.wait_for("a member", r"peer\d +(\d+) +\d+ +member")
    os.kill(int(leader), signal.SIGSTOP)
    demo.wait_for("the hung one", state(leader, "hung"))
    other = demo.wait_for("the next leader", r"peer\d +(\d+) +\d+ +leads").group(1)
    os.kill(int(other), signal.SIGKILL)
    name = demo.wait_for("the dead one", state(other, "dead,")).group(1)
    Demo.size_of(demo.terminal, 100)
    os.write(demo.terminal, b"r")
    demo.wait_for("the one started again", rf"{name} +(?!{other} )\d+ +\d+ +(member|leads|starting|hung)")
    demo.columns = 200
    # A stopped peer hears no Ctrl-C, and is ended all the same.
    demo.end()
    if not is_gone(int(leader)):
        sys.exit(f"process {leader} runs on")
    print("terminal: silent, hung, dead and started again, at 40, 80 and 200 columns; none outlives a script that is killed")


main(sys.argv[1:])
