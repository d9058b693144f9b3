-- Every later file finds the extension in its database.
SET client_min_messages = warning;
CREATE EXTENSION pg_trickle;
SELECT pgtrickle.version();
