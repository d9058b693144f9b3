#!/usr/bin/python3 -B
"""Shows that random queries, maintained by deltas, equal PostgreSQL's own answer.

Each random database is played with (play.py): forty random queries over the whole of SELECT (selects.py and
the files it uses), kept as stream tables, ten rounds of random transactions, and after each round every
stream table is refreshed and compared with its query. Wrong rows, a failing refresh, a warning and a
reinitialisation without a cause are failures; so is a refusal of more than 2 % of the queries. A failing case
is shrunk (shrink.py) to a psql script, printed and, with SCRIPTS_TO, written to a file.

QUERIES is the number of queries to try, in databases of forty, the first of which has the seed SEED; without
it DURATION_S limits the time. QUERIES=1 repeats one database.
"""
import collections
import multiprocessing
import os
import sys
import time

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import play  # noqa: E402
import server  # noqa: E402
import shrink  # noqa: E402
from seeds import SEED  # noqa: E402

MOST_REFUSED = 0.02
MOST_SLOW = 0.05  # those that a slow one is refreshed with count as well, and the slower the machine, the more
MOST_REPORTS = int(os.environ.get("MOST_REPORTS", 6))
SHRINKING_S = float(os.environ.get("SHRINKING_S", 40))


class Result:
    """Results of one database."""

    def __init__(self, seed):
        self.failed_with_query = 0
        self.seed, self.queries, self.without_answer, self.slow, self.refusals, self.actions = seed, 0, [], [], [], {}
        self.failures = []  # (class, message, script)


def play_one(database, seed, reported):
    result = Result(seed)
    playing = play.Play(database, seed)
    try:
        playing.rounds()
        result.actions = playing.actions()
    except (play.Failure, psycopg2.Error) as error:
        if not isinstance(error, play.Failure):
            result.failures.append(("play fails", "seed %d: %s\n%s" % (seed, error, (playing.units or [""])[-1]), ""))
    result.failed_with_query = playing.failed_with_query
    result.queries, result.without_answer, result.slow, result.refusals = (
        playing.made, playing.without_answer, playing.slow, playing.refusals)
    for stream_table, failure, units in playing.failures:
        script = ""
        with reported.get_lock():
            is_to_shrink = reported.value < MOST_REPORTS
            reported.value += 1
        if is_to_shrink:
            script = shrunk(database, stream_table, failure, units, seed)
        result.failures.append((failure.what, "seed %d, %s: %s\n%s" % (
            seed, stream_table.name, failure, stream_table.built.sql), script))
    return result


def shrunk(database, stream_table, failure, units, seed):
    what = "the server died" if failure.what.endswith("None") else failure.what
    if database.connection.closed:
        database.renew()
    if not units or units[-1] != [stream_table]:
        units = units if [stream_table] in units else units + [[stream_table]]
    shrinker = shrink.Shrinker(database, units, stream_table, what, SHRINKING_S)
    is_repeatable = shrinker.run()
    return shrinker.script("%s (seed %d, %s)%s" % (failure, seed, stream_table.name, "" if is_repeatable else
                                                   ": not repeated by this history alone"))


def work(number, next_seed, end_before, end_at, reported, results):
    """Plays the next seed that no other process has taken until the time or the seeds have run out."""
    database = server.Database("property_%d" % number)
    database.renew()
    while time.monotonic() < end_at:
        with next_seed.get_lock():
            seed = next_seed.value
            next_seed.value += 1
        if seed >= end_before:
            break
        results.put(play_one(database, seed, reported))
    database.drop()
    results.put(None)


class Summary:
    def __init__(self):
        self.databases = self.queries = self.failed_with_query = 0
        self.without_answer, self.slow, self.refusals, self.actions, self.failures = [], [], [], collections.Counter(), collections.Counter()

    def add(self, result):
        self.databases += 1
        self.queries += result.queries
        self.failed_with_query += result.failed_with_query
        self.without_answer += result.without_answer
        self.slow += result.slow
        self.refusals += result.refusals
        self.actions.update(result.actions)
        for what, message, script in result.failures:
            self.failures[what] += 1
            if self.failures.total() <= MOST_REPORTS:
                print("%s\n%s" % (message, script), flush=True)
            folder = os.environ.get("SCRIPTS_TO")
            if folder and script:
                with open("%s/%s_%d_%d.sql" % (folder, what.replace(" ", "_"), result.seed, self.failures.total()), "w") as file:
                    file.write(script)

    def refused_share(self):
        return len(self.refusals) / max(self.queries, 1)

    def print(self):
        by_objection = collections.Counter(message for message, _, _ in self.refusals)
        for message, count in by_objection.most_common(25):
            example = min((sql for text, _, sql in self.refusals if text == message), key=len)
            print("refused %d times: %s\n    %s" % (count, message, example[:300]))
        for what in (self.without_answer + self.slow)[:int(os.environ.get("SHOW_LEFT_OUT", 0))]:
            print("left out: %s" % what[:700])
        print("%d databases, %d queries, %d refused (%.1f %%), %d without an answer that can be compared, %d slow; refreshes: %s, failed as their query did %d" % (
            self.databases, self.queries, len(self.refusals), 100 * self.refused_share(), len(self.without_answer), len(self.slow),
            ", ".join("%s %d" % pair for pair in self.actions.most_common()), self.failed_with_query))
        for what, count in self.failures.most_common():
            print("not ok %s: %d stream tables" % (what, count))
        if not self.failures:
            print("ok each of %d stream tables equals its query after each refresh" % (self.queries - len(self.refusals)))
        is_kept = self.refused_share() <= MOST_REFUSED
        are_compared = len(self.slow) <= self.queries * MOST_SLOW
        print("%s at least %g %% of the stream tables are compared in time" % ("ok" if are_compared else "not ok", 100 * (1 - MOST_SLOW)))
        print("%s at most %d %% of the queries are refused" % ("ok" if is_kept else "not ok", 100 * MOST_REFUSED))
        return is_kept and are_compared and not self.failures


def main():
    queries, first = os.environ.get("QUERIES"), SEED
    end_at = time.monotonic() + (3000 if queries else float(os.environ.get("DURATION_S", 15)))
    databases = -(-int(queries) // play.STREAM_TABLES) if queries else 1 << 30
    workers = min(databases, int(os.environ.get("WORKERS", os.cpu_count())))
    next_seed = multiprocessing.Value("l", first)
    reported, results, summary = multiprocessing.Value("i", 0), multiprocessing.Queue(), Summary()
    processes = [multiprocessing.Process(target=work, args=(number, next_seed, first + databases, end_at, reported, results))
                 for number in range(workers)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes) or not results.empty():
        try:
            result = results.get(timeout=1)
        except Exception:  # noqa: BLE001: no message yet
            continue
        if result is not None:
            summary.add(result)
    print("first seed %d" % first)
    died = any(process.exitcode for process in processes)
    return 1 if not summary.print() or died else 0


if __name__ == "__main__":
    sys.exit(main())
