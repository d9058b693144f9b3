-- SQL functions that show the state of stream tables take milliseconds: their plans look expensive, and compiling one takes seconds.
-- each_of_them_is_planned_without_jit
SELECT p.oid::regprocedure AS compiled_to_machine_code
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'pgtrickle'::regnamespace AND l.lanname = 'sql' AND p.provolatile = 'v'
  AND NOT 'jit=off' = ANY (coalesce(p.proconfig, '{}'))
ORDER BY 1::text;
-- the_setting_of_the_session_stays
SET jit = on;
SELECT count(*) >= 0 AS is_answered, current_setting('jit') AS jit FROM pgtrickle.blocked_refreshes();
RESET jit;
