"""What the demonstration shows while it runs: a picture redrawn in place on a terminal,
a line every five seconds elsewhere."""

import shutil
import sys
import time
from dataclasses import dataclass, field

BARS = "▁▂▃▄▅▆▇█"
BOLD, DIM, GREEN, RED, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"
LINE_EVERY_S = 5


@dataclass
class State:
    elapsed_s: float
    total_s: int
    writes_per_s: float
    baseline_per_s: float
    refreshes_per_s: float
    refresh_p50_ms: float
    refresh_p99_ms: float
    reads: int
    violations: int
    fresh_read_ms: float
    ages: list = field(default_factory=list)  # (name, about, rows, age in seconds or None)


def sparkline(values, width):
    values = values[-width:]
    top = max(values, default=0) or 1
    return "".join(BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] for value in values)


def bar(part, whole, width):
    filled = int(min(part / whole, 1) * width) if whole else 0
    return "█" * filled + "░" * (width - filled)


class View:
    def __init__(self):
        self.is_terminal = sys.stdout.isatty()
        self.history = []
        self.lines_drawn = 0
        self.last_line_at = 0.0

    def show(self, state):
        self.history.append(state.writes_per_s)
        if self.is_terminal:
            self._draw(self._picture(state))
        elif time.monotonic() - self.last_line_at >= LINE_EVERY_S:
            self.last_line_at = time.monotonic()
            print(self._line(state), flush=True)

    def _line(self, state):
        oldest = max((age for *_, age in state.ages if age is not None), default=0)
        return (f"{state.elapsed_s:4.0f} s  {state.writes_per_s:7.0f} writes/s  oldest {oldest * 1e3:6.0f} ms  "
                f"{state.refreshes_per_s:5.1f} refreshes/s  p50 {state.refresh_p50_ms:6.1f} ms  "
                f"p99 {state.refresh_p99_ms:6.1f} ms  {state.reads} reads, {state.violations} contradictory")

    def _picture(self, state):
        width = min(shutil.get_terminal_size().columns, 100)
        agree = f"{GREEN}all agree{PLAIN}" if not state.violations else f"{RED}{state.violations} contradict{PLAIN}"
        yield f"{BOLD}pg_trickle{PLAIN}  {state.elapsed_s:3.0f} of {state.total_s} s  {bar(state.elapsed_s, state.total_s, width - 30)}"
        yield ""
        yield (f"writes     {BOLD}{state.writes_per_s:8.0f}/s{PLAIN}  "
               f"{DIM}{state.baseline_per_s:.0f}/s without stream tables{PLAIN}")
        yield f"           {GREEN}{sparkline(self.history, width - 12)}{PLAIN}"
        yield (f"refreshes  {BOLD}{state.refreshes_per_s:8.1f}/s{PLAIN}  p50 {state.refresh_p50_ms:.1f} ms  "
               f"p99 {state.refresh_p99_ms:.1f} ms")
        yield (f"reads      {BOLD}{state.reads:8d}{PLAIN}    accounts = tellers = branches = history: {agree}; "
               f"a fresh read takes {state.fresh_read_ms:.1f} ms")
        yield ""
        for name, about, rows, age in state.ages:
            age_text = "   new" if age is None else f"{age * 1e3:6.0f} ms"
            yield f"  {name:<16} {rows:>8} rows  stale {age_text}  {bar(age or 0, 2, 12)}  {DIM}{about}{PLAIN}"

    def _draw(self, lines):
        lines = list(lines)
        if self.lines_drawn:
            sys.stdout.write(f"\033[{self.lines_drawn}A")
        sys.stdout.write("".join(f"\r\033[2K{line}\n" for line in lines))
        sys.stdout.flush()
        self.lines_drawn = len(lines)
