"""The display of the demonstration while it runs: on a terminal a picture that is redrawn in place and never
wider than the terminal, a line every five seconds elsewhere."""

import re
import shutil
import sys
import time
from dataclasses import dataclass, field

BARS = "▁▂▃▄▅▆▇█"
BOLD, DIM, GREEN, RED, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"
ESCAPE = re.compile(r"(\033\[\d+m)")
WIDEST = 100
LINE_EVERY_S = 5


@dataclass
class State:
    elapsed_s: float
    total_s: int
    writes_per_s: float
    before_per_s: float
    refreshes_per_s: float
    refresh_p50_ms: float
    refresh_p99_ms: float
    reads: int
    violations: int
    served_read_ms: float
    fresh_read_ms: float
    ages: list = field(default_factory=list)  # (name, about, rows, age in seconds or None)


def columns():
    """Returns the width of the terminal less one: a terminal may break a line that fills it."""
    return min(shutil.get_terminal_size().columns - 1, WIDEST)


def clipped(line, width):
    """Returns the line cut to the width; escape sequences of colours have none."""
    parts = ESCAPE.split(line)
    for i in range(0, len(parts), 2):
        parts[i] = parts[i][:width]
        width -= len(parts[i])
    return "".join(parts)


def sparkline(values, width):
    values = values[-width:]
    top = max(values, default=0) or 1
    return "".join(BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] for value in values)


def bar(part, whole, width):
    filled = int(min(part / whole, 1) * width) if whole else 0
    return "█" * filled + "░" * (width - filled)


class Status:
    """A line about the running step; `end` replaces it. Where there is no terminal, an occasional line of its own."""

    PAUSE_S = 60

    def __init__(self):
        self.is_terminal = sys.stdout.isatty()
        self.shown_at = time.monotonic()

    def show(self, text):
        if self.is_terminal:
            print("\r\033[2K" + clipped(text, columns()), end="", flush=True)
        elif time.monotonic() > self.shown_at + self.PAUSE_S:
            self.shown_at = time.monotonic()
            print(text, flush=True)

    def end(self, text=None):
        if self.is_terminal:
            print("\r\033[2K", end="")
        if text:
            print(text, flush=True)


class View:
    def __init__(self):
        self.is_terminal = sys.stdout.isatty()
        self.history = []
        self.lines_drawn = 0
        self.last_line_at = 0.0

    def show(self, state):
        if state.writes_per_s or self.history:
            self.history.append(state.writes_per_s)
        if self.is_terminal:
            self._draw(self._picture(state, columns()))
        elif time.monotonic() - self.last_line_at >= LINE_EVERY_S:
            self.last_line_at = time.monotonic()
            print(self._line(state), flush=True)

    def _line(self, state):
        oldest = max((age for *_, age in state.ages if age is not None), default=0)
        return (f"{state.elapsed_s:4.0f} s  {state.writes_per_s:7,.0f} writes/s  oldest {oldest * 1e3:6.0f} ms  "
                f"{state.refreshes_per_s:5.1f} refreshes/s  median {state.refresh_p50_ms:6.1f} ms  "
                f"p99 {state.refresh_p99_ms:6.1f} ms  {state.reads} reads, {state.violations} contradictory")

    def _picture(self, state, width):
        agree = f"{GREEN}all agree{PLAIN}" if not state.violations else f"{RED}{state.violations} contradict{PLAIN}"
        title, clock = "pg_trickle", f"{min(state.elapsed_s, state.total_s):.0f} of {state.total_s} s"
        yield f"{BOLD}{title}{PLAIN}  {bar(state.elapsed_s, state.total_s, width - len(title) - len(clock) - 4)}  {clock}"
        yield ""
        yield f"writes     {BOLD}{state.writes_per_s:8,.0f}/s{PLAIN}  {DIM}{state.before_per_s:,.0f}/s before there were stream tables{PLAIN}"
        yield f"{'':11}{GREEN}{sparkline(self.history, width - 11)}{PLAIN}"
        yield (f"refreshes  {BOLD}{state.refreshes_per_s:8.1f}/s{PLAIN}  median {state.refresh_p50_ms:.1f} ms, "
               f"99 % within {state.refresh_p99_ms:.1f} ms")
        yield (f"reads      {BOLD}{state.reads:8,d}{PLAIN}    median {state.served_read_ms:.1f} ms, "
               f"of fresh rows {state.fresh_read_ms:.1f} ms")
        yield f"{'':11}accounts = tellers = branches = history: {agree}"
        yield ""
        yield f"{DIM}stream table         rows   stale{PLAIN}"
        for name, about, rows, age in state.ages:
            age_text = "new" if age is None else f"{age:.1f} s"
            yield f"{name:<15} {rows:>9,d} {age_text:>7}  {bar(age or 0, 2, 6)}  {DIM}{about}{PLAIN}"

    def _draw(self, lines):
        lines = [clipped(line, columns()) + PLAIN for line in lines]
        if self.lines_drawn:
            sys.stdout.write(f"\033[{self.lines_drawn}A")
        sys.stdout.write("".join(f"\r\033[2K{line}\n" for line in lines))
        sys.stdout.flush()
        self.lines_drawn = len(lines)
