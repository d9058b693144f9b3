#!/usr/bin/python3 -B
"""Shows that user code in random places, and in all known ones with mode IMMEDIATE, runs only with its owner's rights, whatever
random roles do, for PLACES places or DURATION_S seconds; SEED repeats a run."""

import os
import sys
import time
from collections import deque
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from actions import ACTIONS  # noqa: E402: needs the path above
from database import run_cases  # noqa: E402
from guises import GUISES  # noqa: E402
from places import PLACES  # noqa: E402
from random_places import random_place  # noqa: E402
from roles import KINDS  # noqa: E402
from server_log import ServerLog  # noqa: E402
from stage import Stage, Target  # noqa: E402
from seeds import SEED, dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
PLACES_TO_TRY = int(os.environ.get("PLACES", 0))  # instead
KEPT = 20  # random places at a time
USUAL = ("INSERT", "UPDATE", "call refresh_stream_table", "call explain_st", "call explain_refresh_mode", "SELECT, expansion on",
         "read after own write, expansion on", "CREATE on top", "ANALYZE the stream table", "VACUUM ANALYZE", "REASSIGN OWNED",
         "call repair_stream_table", "call recommend_refresh_mode", "retype a column of the source")
print("seed", SEED, flush=True)
random = dice()
log = ServerLog()
stage = Stage(is_immediate=True)
made = deque()
refused = 0


def made_at_random(number):
    """Returns a random place with a stream table; None if PostgreSQL or the extension refuses it."""
    global refused
    place = random_place(random, f"random_{number}")
    owner = stage.session("owner", "plain")
    PLACES[place.name] = place
    known = set(stage.wrongs)
    try:
        place.prepare(owner.run)
        place.create(owner.run, random.choice(("1s", "520w", "0s")))
        return Target(place.name, f"own.{place.name}", f"own.{place.name}_t", place.text(place.query))
    except psycopg2.Error as error:
        refused += 1
        assert not error.pgcode.startswith("XX"), f"{error}\n{place.text(place.make)}\n{place.creation()}"
        drop(place.name)
        return None
    finally:
        stage.look("creation", "owner", owner.pid, "define", about=f"{place.text(place.make)}\n{place.creation()}")
        report(known)


def drop(name):
    owner = stage.session("owner", "plain")
    owner.attempt(f"DROP FOREIGN TABLE IF EXISTS own.{name} CASCADE")
    owner.attempt(f"DROP TABLE own.{name}_t CASCADE")


def report(known):
    for key in set(stage.wrongs) - known:
        print("wrong:", stage.wrongs[key], flush=True)


def act():
    action = ACTIONS[random.choice(USUAL) if random.random() < 0.5 else random.choice(list(ACTIONS))]
    targets = [target for target in (made if random.random() < 0.7 and made else stage.targets) if action.suits(target.place)]
    if targets:
        known = set(stage.wrongs)
        kind = random.choice(list(KINDS))
        guise = random.choice(list(GUISES)) if kind in ("owner", "creator") else "plain"
        target = random.choice(targets)
        stage.perform(action, kind, target, guise)
        if set(stage.wrongs) - known and target.place in PLACES:
            print("on:", PLACES[target.place].text(PLACES[target.place].make), PLACES[target.place].creation(), flush=True)
        report(known)


def code_in_random_places_runs_with_its_owners_rights_only():
    deadline, number = time.monotonic() + DURATION_S, 0
    while number < PLACES_TO_TRY if PLACES_TO_TRY else time.monotonic() < deadline:
        number += 1
        if target := made_at_random(number):
            made.append(target)
        if len(made) > KEPT:
            drop(made.popleft().place)
        for _ in range(8):
            act()
    print(f"{number} random places, {refused} of them refused", flush=True)
    assert refused < number * 0.7, "hardly any is accepted"
    assert not stage.wrongs, f"{len(stage.wrongs)}:\n" + "\n".join(stage.wrongs.values())


def no_role_sees_a_secret_by_random_actions():
    assert not stage.shown, "\n".join(sorted(stage.shown.values()))


def the_server_log_has_no_alarm():
    alarms = log.alarms()
    assert not alarms, "\n".join(alarms[:10])


try:
    run_cases([code_in_random_places_runs_with_its_owners_rights_only, no_role_sees_a_secret_by_random_actions, the_server_log_has_no_alarm])
finally:
    stage.close()
