#!/usr/bin/python3 -B
"""Shows that a running server survives other readers, locks, damage, replacement and lack of space of its
SQLite catalog."""

import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, Server, compile_library, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

full_flag = Path(os.environ["SCRATCH"] + ".full")


def preload_full_disk():
    library = Path(os.environ["SCRATCH"] + ".lack.so")
    compile_library("tests/faults/lacking_resources.c", library)
    os.environ.update(LD_PRELOAD=str(library), FULL_DISK=str(full_flag))
    return library


library = preload_full_disk()
try:
    server = Server(".目録")  # errors that name files are not in every client's encoding
finally:
    del os.environ["LD_PRELOAD"], os.environ["FULL_DISK"]
db = Database(server.host)
folder = server.folder / "data/pg_trickle"
catalog = folder / "catalog.db"
log = server.folder / "server.log"


def warnings(pid=r"\d+"):
    return len(re.findall(rf"\[{pid}\] .*WARNING: .*catalog", log.read_text(errors="replace")))


def refresh(session=None):
    """Makes one change and the refresh that applies it, which must be correct at once."""
    run = db.run if session is None else session.cursor().execute
    run("INSERT INTO source VALUES (1)")
    run("SELECT pgtrickle.refresh_stream_table('kept')")
    assert db.value("SELECT count(*) FROM source") == db.value("SELECT n FROM kept")


def history():
    return db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'MANUAL'")


def health():
    return db.run("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'catalog'")[0]


def settle():
    """Moves the content of the log to the file itself. The change by another process is reported."""
    subprocess.run(["sqlite3", catalog, "PRAGMA wal_checkpoint"], check=True, stdout=subprocess.DEVNULL)
    refresh()


def reconnect():
    """Connects after a crash, when the server accepts connections again."""
    for _ in range(600):
        try:
            return another_session()
        except psycopg2.OperationalError:
            signal.sigtimedwait([], 0.05)
    raise AssertionError("the server does not come back")


def whoever_is_a_reader(statement, user=None):
    command = ["sqlite3", "-readonly", str(catalog), statement]
    if os.geteuid() == 0 and user:
        command = ["runuser", "-u", user, "--", *command]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout


def another_session():
    db.session.close()
    db.session = db.connect()
    db.run("SET pg_trickle.enabled = off")


def until_registered(*names):
    """Waits until the manager has registered all stream tables that it was notified of."""
    for _ in range(300):
        registered = whoever_is_a_reader("SELECT name FROM registry").split()
        if set(names) <= set(registered):
            return
        signal.sigtimedwait([], 0.1)
    raise AssertionError(registered)


def reported(mishap, least=1):
    """Damages the file: that is reported, but not again and again, and all work continues.

    The manager and its workers open the catalog as well. Each process may find another consequence of the mishap,
    or one that another process has mended."""
    def case():
        refresh()
        db.wait_for("SELECT bool_and(wait_event IS NOT NULL) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'", True)
        before = warnings()
        mishap()
        refresh()
        refresh()
        assert history() >= 2, history()
        assert warnings() >= before + least, (before, log.read_text()[-1000:])
        for _ in range(5):
            before = warnings()
            refresh()
            refresh()
            if warnings() == before:
                return
        raise AssertionError("reported again and again: " + log.read_text()[-1000:])
    case.__name__ = mishap.__name__
    return case


def mended_by_sqlite(mishap):
    """SQLite writes the index again where a process opens the file before another one looks."""
    return reported(mishap, least=0)


def refreshes_are_in_the_history():
    db.run("SET pg_trickle.enabled = off")
    db.run("CREATE TABLE source (id int)")
    db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT count(*) AS n FROM source', '1d', 'DIFFERENTIAL')")
    refresh()
    assert history() == 1
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager'", 1)


def a_warning_that_the_client_cannot_show_ends_no_process():
    """The folder's name is not in its encoding. An error while a transaction commits would end all sessions."""
    stranger, away = db.connect(), folder.with_name("away")
    stranger.cursor().execute("SET client_encoding = LATIN1; SET pg_trickle.enabled = off")
    folder.rename(away)
    folder.touch()
    try:
        refresh(stranger)
    finally:
        folder.unlink()
        away.rename(folder)
    refresh(stranger)
    stranger.cursor().execute("SET statement_timeout = '100ms'")
    try:
        stranger.cursor().execute("SELECT pg_sleep(60)")  # interrupts are served as before
        raise AssertionError("not interrupted")
    except psycopg2.errors.QueryCanceled:
        stranger.close()


def a_prepared_refresh_is_not_recorded_before_its_end_is_known():
    before = history()
    db.run("BEGIN; INSERT INTO source VALUES (1); SELECT pgtrickle.refresh_stream_table('kept'); PREPARE TRANSACTION 'undone'")
    db.run("ROLLBACK PREPARED 'undone'")
    assert history() == before, history()
    refresh()
    assert history() == before + 1, history()


def the_queries_of_the_document_run_beside_the_server():
    blocks = re.findall(r"```sh\n(.*?)```", (TOP / "docs/operations.md").read_text(), re.S)
    queries = [query for block in blocks for query in re.findall(r'sqlite3 [^"]*"([^"]*)"', block)]
    assert len(queries) == 3, queries
    db.run("CREATE TABLE divisor (x int); INSERT INTO divisor VALUES (1)")
    db.run("SELECT pgtrickle.create_stream_table('failing', 'SELECT 1 / x AS q FROM divisor', '1d')")
    db.run("INSERT INTO divisor VALUES (0)")
    try:
        db.run("SELECT pgtrickle.refresh_stream_table('failing')")
        raise AssertionError("no division by zero")
    except psycopg2.errors.DivisionByZero:
        pass
    until_registered("kept", "failing")
    failed, slow, all_of_them = (whoever_is_a_reader(query) for query in queries)
    assert re.search(rf"^20\d\d-\d\d-\d\dT[\d:.]+Z\|{db.name}\|public.failing\|division by zero$", failed, re.M), failed
    assert re.search(rf"^{db.name}\|public.kept\|DIFFERENTIAL\|1\|", slow, re.M), slow
    assert re.search(rf"^{db.name}\|public.kept\|1d\|ACTIVE\|20", all_of_them, re.M), all_of_them
    db.run("DROP FOREIGN TABLE failing")


def a_reader_of_another_user_blocks_no_session():
    """The owner of the server's files reads them in an open transaction; writing continues."""
    reader = subprocess.Popen(["sqlite3", str(catalog)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    reader.stdin.write("BEGIN;\nSELECT count(*) FROM history;\n")
    reader.stdin.flush()
    seen = int(reader.stdout.readline())
    before = history()
    for _ in range(5):
        refresh()
    assert history() == before + 5
    reader.stdin.write("SELECT count(*) FROM history;\n")
    reader.stdin.flush()
    assert int(reader.stdout.readline()) == seen
    reader.communicate()


def rows_that_were_locked_out_are_written_later():
    hog = sqlite3.connect(catalog, isolation_level=None)
    before, warned = history(), warnings()
    hog.execute("BEGIN IMMEDIATE")
    for _ in range(5):
        refresh()
    other = db.connect()
    refresh(other)
    other.close()
    assert history() == before, "a row was written although the catalog was locked"
    hog.execute("ROLLBACK")
    hog.close()
    # The session that could not write has been idle since.
    stranger = db.connect()
    cursor = stranger.cursor()
    cursor.execute("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'MANUAL'")
    assert cursor.fetchone()[0] == before + 6
    stranger.close()
    assert history() == before + 6
    assert warnings() == warned, "a row was lost"


def a_reader_that_is_locked_out_is_warned_of_what_it_asked_for():
    """Measurements are not missed: the next refresh makes them again."""
    with open(folder / "catalog.lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        session = db.connect()
        refresh(session)
        assert not session.notices, session.notices
        session.cursor().execute("SELECT count(*) FROM pgtrickle.pgt_refresh_history")
        assert any("could not read the catalog" in notice for notice in session.notices), session.notices
    session.close()


def definitions_that_were_locked_out_are_written_later():
    hog = sqlite3.connect(catalog, isolation_level=None)
    hog.execute("BEGIN IMMEDIATE")
    db.run("SELECT pgtrickle.create_stream_table('unheard', 'SELECT count(*) AS n FROM source', '1s')")
    db.run("INSERT INTO source VALUES (1)")
    db.wait_for("SELECT (SELECT count(*) FROM source) = (SELECT n FROM unheard)", True)
    hog.execute("ROLLBACK")
    names = "SELECT count(*) FROM registry JOIN program USING (database, relid) WHERE name = 'unheard'"
    for _ in range(300):
        db.run("INSERT INTO source VALUES (1)")
        if hog.execute(names).fetchone()[0] > 0:
            break
        signal.sigtimedwait([], 0.1)
    else:
        raise AssertionError(hog.execute("SELECT * FROM registry").fetchall())
    hog.close()
    db.run("DROP FOREIGN TABLE unheard")


def ten_sessions_lose_nothing(is_locked=False):
    """Also while another process keeps the catalog locked now and then."""
    each, sessions = 1000 if is_locked else 30, 10
    before = history()
    failures, is_over = [], threading.Event()

    def lock_now_and_then():
        hog = sqlite3.connect(catalog, isolation_level=None, timeout=30)
        while not is_over.wait(1.1):  # by then sessions wait for the lock again
            hog.execute("BEGIN IMMEDIATE")
            is_over.wait(2.5)
            hog.execute("ROLLBACK")
        hog.close()

    def work(number):
        session = db.connect()
        cursor = session.cursor()
        try:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS s{number} (id int)")
            cursor.execute(f"SELECT pgtrickle.create_or_replace_stream_table('k{number}', 'SELECT count(*) AS n FROM s{number}', '1d')")
            for _ in range(each):
                cursor.execute(f"INSERT INTO s{number} VALUES (1)")
                cursor.execute(f"SELECT pgtrickle.refresh_stream_table('k{number}')")
            failures.extend(notice for notice in session.notices if "catalog" in notice)
        except psycopg2.Error as error:
            failures.append(str(error))
        session.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(sessions)]
    hog = threading.Thread(target=lock_now_and_then)
    for thread in [hog] * is_locked + threads:
        thread.start()
    for thread in threads:
        thread.join()
    is_over.set()
    if is_locked:
        hog.join()
    assert not failures, failures
    assert history() == before + each * sessions


def ten_sessions_that_are_locked_out_lose_nothing():
    ten_sessions_lose_nothing(is_locked=True)


@reported
def a_removed_file():
    catalog.unlink()


@reported
def random_bytes():
    with open(catalog, "r+b") as file:
        file.write(dice().randbytes(os.path.getsize(catalog)))


@reported
def a_file_cut_in_half():
    os.truncate(catalog, os.path.getsize(catalog) // 2)


@reported
def a_file_of_no_bytes():
    os.truncate(catalog, 0)


def keep_older_copy():
    settle()
    subprocess.run(["cp", "-p", catalog, folder / "older"], check=True)
    for _ in range(20):
        refresh()
    settle()


@reported
def an_older_copy_over_it():
    shutil.copyfile(folder / "older", catalog)


@reported
def an_older_copy_in_its_place():
    """Puts an older copy beside the log of the newer one."""
    os.rename(folder / "older", catalog)


@mended_by_sqlite
def an_index_of_no_bytes():
    os.truncate(folder / "catalog.db-shm", 0)


@reported
def a_removed_log():
    (folder / "catalog.db-wal").unlink()


@reported
def a_folder_in_its_place():
    catalog.unlink()
    catalog.mkdir()


@reported
def a_file_that_may_not_be_written():
    catalog.chmod(0o400)
    if os.geteuid() == 0:
        os.chown(catalog, 0, 0)
    another_session()


@reported
def a_file_of_a_later_release():
    subprocess.run(["sqlite3", catalog, "PRAGMA user_version = 999"], check=True)
    another_session()


def a_full_disk_costs_history_only():
    refresh()
    pid = db.session.info.backend_pid
    before, warned = history(), warnings(pid)
    full_flag.write_text("pg_trickle/catalog\n")
    try:
        for _ in range(5):
            refresh()
        assert warnings(pid) == warned + 1, (warned, log.read_text()[-1500:])
    finally:
        full_flag.unlink()
    refresh()
    assert history() == before + 6, "rows kept in memory were not written after space became available"
    assert db.value("SELECT status FROM pgtrickle.pgt_status() WHERE name LIKE '%kept'") == "ACTIVE"


def a_full_disk_is_reported_to_readers():
    """Only operations that extend a file fail: the catalog can be opened and read."""
    full_flag.write_text("pg_trickle/catalog.db-wal\n")
    try:
        severity, detail = health()
        assert severity == "WARN" and detail.endswith("cannot be used: database or disk is full"), detail
    finally:
        full_flag.unlink()
    assert health()[0] == "OK", health()


def the_manager_works_on_a_full_disk():
    db.run("SELECT pgtrickle.create_stream_table('soon', 'SELECT count(*) AS n FROM source', '1s')")
    full_flag.write_text("pg_trickle/catalog\n")
    try:
        for _ in range(3):
            db.run("INSERT INTO source VALUES (2)")
            db.wait_for("SELECT (SELECT count(*) FROM source) = (SELECT n FROM soon)", True)
    finally:
        full_flag.unlink()
    refresh()
    db.run("INSERT INTO source VALUES (2)")
    db.wait_for("SELECT (SELECT count(*) FROM source) = (SELECT n FROM soon)", True)
    db.wait_for("SELECT count(*) >= 3 FROM pgtrickle.get_refresh_history('soon', 100)", True)
    db.run("DROP FOREIGN TABLE soon")


def a_crash_loses_no_history():
    refresh()
    before = history()
    os.kill(db.manager_pid(), signal.SIGKILL)
    try:
        while True:
            db.run("SELECT 1")
    except psycopg2.Error:
        reconnect()
    warned = warnings()
    sessions = [db.connect() for _ in range(8)]
    for session in sessions:
        cursor = session.cursor()
        cursor.execute("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'MANUAL'")
        assert cursor.fetchone()[0] == before
        session.close()
    refresh()
    assert history() == before + 1
    assert warnings() == warned


def no_days_of_retention_keep_nothing():
    db.alter_system("SET pg_trickle.history_retention_days = 0")
    refresh()
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_refresh_history", 0)
    db.alter_system("RESET pg_trickle.history_retention_days")
    db.wait_for("SHOW pg_trickle.history_retention_days", "90")
    refresh()
    assert history() == 1


try:
    run_cases([refreshes_are_in_the_history, the_queries_of_the_document_run_beside_the_server,
               a_reader_of_another_user_blocks_no_session, rows_that_were_locked_out_are_written_later,
               a_reader_that_is_locked_out_is_warned_of_what_it_asked_for, definitions_that_were_locked_out_are_written_later, ten_sessions_lose_nothing,
               ten_sessions_that_are_locked_out_lose_nothing, a_removed_file, random_bytes, a_file_cut_in_half, a_file_of_no_bytes,
               keep_older_copy, an_older_copy_over_it, an_older_copy_in_its_place, an_index_of_no_bytes, a_removed_log,
               a_folder_in_its_place, a_file_that_may_not_be_written, a_file_of_a_later_release,
               a_full_disk_costs_history_only, a_full_disk_is_reported_to_readers, the_manager_works_on_a_full_disk, a_crash_loses_no_history,
               a_warning_that_the_client_cannot_show_ends_no_process, a_prepared_refresh_is_not_recorded_before_its_end_is_known,
               no_days_of_retention_keep_nothing])
finally:
    server.destroy()
    library.unlink()
    full_flag.unlink(missing_ok=True)
