-- The changed rows of a measured refresh become rows of a table. What was measured before is removed, and measured
-- again.

DELETE FROM measured;
ALTER TABLE measured DROP COLUMN changes;
ALTER TABLE measured RENAME COLUMN staked_us TO trial_us;
CREATE TABLE measured_change (              -- the changes that a measured refresh applied, by source
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  source     INTEGER NOT NULL,
  rows       INTEGER NOT NULL,
  PRIMARY KEY (database, relid, generation, number, source)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER measured_removed AFTER DELETE ON measured BEGIN
  DELETE FROM measured_change WHERE database = OLD.database AND relid = OLD.relid AND generation = OLD.generation
    AND number = OLD.number;
END;
