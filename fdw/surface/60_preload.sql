-- Without preloading, CREATE EXTENSION succeeds, and later statements of the user are refused. So the first
-- statement warns about this, and says how to correct it.

DO $$
DECLARE
  -- Libraries that are preloaded already stay in the line. Those behind pg_trickle see statements as they were sent.
  line text := pg_catalog.format('shared_preload_libraries = %L', pg_catalog.concat_ws(', ',
    'pg_trickle', nullif(pg_catalog.current_setting('shared_preload_libraries'), '')));
  -- The file that sets the line now; another file, read later, may override the main one.
  file text := coalesce((SELECT s.sourcefile FROM pg_catalog.pg_settings s WHERE s.name = 'shared_preload_libraries'),
                        pg_catalog.current_setting('config_file'));
BEGIN
  IF NOT (SELECT v.is_preloaded FROM pgtrickle.server_state() v) THEN
    RAISE WARNING USING
      ERRCODE = 'object_not_in_prerequisite_state',
      MESSAGE = 'pg_trickle is not loaded by shared_preload_libraries',
      DETAIL = 'Stream tables cannot be created, refreshed or read until the server loads it at start.',
      HINT = pg_catalog.format('Write %s into %s and restart the server.', line, file);
  END IF;
END $$;
