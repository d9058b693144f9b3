-- What AUTO learns from, and why a refresh went the way it did. What refreshes took is counted in statistics since
-- version 2; a first fill is apart, since it says little about what the next full refresh takes.

DROP TABLE cost;
CREATE TABLE measured (                     -- the latest refreshes that show what either way costs
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  number     INTEGER NOT NULL,              -- among those of the generation, from 1 on
  way        TEXT    NOT NULL,              -- DELTA, FULL, FILL
  took_us    INTEGER NOT NULL,
  base_rows  INTEGER NOT NULL,              -- of the sources, an estimate
  changes    TEXT    NOT NULL,              -- source:rows …
  staked_us  INTEGER NOT NULL,              -- what a trial took beyond the other way's expectation
  is_given_up INTEGER NOT NULL,             -- it would have taken longer
  PRIMARY KEY (database, relid, generation, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE history ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE statistics ADD COLUMN fills INTEGER NOT NULL DEFAULT 0;   -- of the refreshes
ALTER TABLE statistics ADD COLUMN fill_us INTEGER NOT NULL DEFAULT 0; -- of total_us
UPDATE statistics SET
  fills   = (SELECT count(*) FROM history h WHERE h.database = statistics.database AND h.relid = statistics.relid
               AND h.action = 'FULL' AND h.status = 'COMPLETED' AND h.initiated_by = 'INITIAL'),
  fill_us = (SELECT coalesce(sum(h.ended_at - h.started_at), 0) FROM history h WHERE h.database = statistics.database
               AND h.relid = statistics.relid AND h.action = 'FULL' AND h.status = 'COMPLETED' AND h.initiated_by = 'INITIAL')
  WHERE action = 'FULL';
