"""Drives scripts/run_three_peers.sh on a pseudo terminal, as a person does. Exit status 1 where it does not behave."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60.0


class Demo:
    def __init__(self, columns, options):
        self.columns = columns
        self.text = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
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
            # The last may be half drawn.
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


def main(options):
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
    # One that is stopped hears no Ctrl-C, and is ended all the same.
    demo.end()
    for pid in (int(leader),):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        sys.exit(f"process {pid} runs on")
    print("terminal: hung, dead and started again, at 40 and 200 columns")


main(sys.argv[1:])
