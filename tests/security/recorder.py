"""The action of a canary: canary.note(place) writes the role that runs it into the server log.

The log survives a rollback, needs no privilege and works in every process. A canary also tries an action that
only a superuser may perform, an insert into canary.vault, and a statement that PostgreSQL refuses in a
security-restricted operation.
"""

import json
import re
from dataclasses import dataclass

RECORDER = """
CREATE SCHEMA canary;
GRANT USAGE ON SCHEMA canary TO PUBLIC;
CREATE TABLE canary.vault (place text, who text);
-- The path of the caller: a default is evaluated before the function has its own.
CREATE FUNCTION canary.note(place text, path text DEFAULT pg_catalog.current_setting('search_path')) RETURNS bool
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_restricted bool := false;
  has_stolen bool := false;
BEGIN
  BEGIN
    UNLISTEN canary_nothing;
  EXCEPTION WHEN OTHERS THEN
    is_restricted := SQLERRM LIKE '%security-restricted operation%';
  END;
  BEGIN
    INSERT INTO canary.vault VALUES (place, current_user);
    has_stolen := true;
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
  RAISE LOG 'canary %', json_build_object('place', place, 'database', current_database(), 'user', current_user, 'session', session_user,
    'is_superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), 'is_restricted', is_restricted,
    'has_stolen', has_stolen, 'path', path);
  RETURN true;
END $$;
-- As applications have it: a superuser's function that gives a statement for its callers.
CREATE FUNCTION canary.as_superuser(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE statement; END $$;
"""

# The prefix that tests/scratch sets for its servers: time, process, its type, database if it is a client's,
# SQLSTATE.
LINE = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] (.+?) \S* \w{5} LOG:  (?:\w{5}: )?canary (\{.*?\})(?: at character \d+)?$", re.M)


@dataclass(frozen=True)
class Event:
    """One run of a canary."""
    place: str
    database: str
    user: str
    session: str
    is_superuser: bool
    is_restricted: bool
    has_stolen: bool
    path: str
    pid: int
    process: str

    @property
    def is_of_client(self):
        return self.process == "client backend"

    def __str__(self):
        return (f"{self.place} ran as {self.user} in {self.process}" + (", restricted" if self.is_restricted else "")
                + (", and stole" if self.has_stolen else ""))


class Log:
    """The canary messages of one database in the server's log."""

    def __init__(self, path, database):
        self.path, self.database = path, database
        self.read_to = self.path.stat().st_size

    def events(self):
        """Returns the events since the last call."""
        with self.path.open("rb") as log:
            log.seek(self.read_to)
            news = log.read()
        news = news[:news.rfind(b"\n") + 1]
        self.read_to += len(news)
        found = [Event(pid=int(pid), process=process, **json.loads(said))
                 for pid, process, said in LINE.findall(news.decode(errors="replace"))]
        return [event for event in found if event.database == self.database]
