-- Text search configurations and dictionaries that a stream table uses may be altered.
CREATE TABLE ts_source (id int PRIMARY KEY, body text);
INSERT INTO ts_source VALUES (1, 'the running cats'), (2, 'a dog');
CREATE FUNCTION ts_equals(name text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE differing bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) x', name,
                   (SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = name)) INTO differing;
    RETURN differing = 0;
END $$;
SET pg_trickle.max_staleness = 0;

-- configuration
CREATE TEXT SEARCH CONFIGURATION public.ts_words (COPY = simple);
CREATE FOREIGN TABLE ts_of_words () SERVER pgtrickle
  OPTIONS (query $$SELECT id, to_tsvector('public.ts_words', body) AS words FROM ts_source$$, schedule '520w');
SET default_text_search_config = 'public.ts_words';
CREATE FOREIGN TABLE ts_by_default () SERVER pgtrickle
  OPTIONS (query 'SELECT id, to_tsvector(body) AS words FROM ts_source', schedule '520w');
SELECT * FROM ts_of_words ORDER BY id;
ALTER TEXT SEARCH CONFIGURATION ts_words ALTER MAPPING FOR asciiword WITH english_stem;
SELECT * FROM ts_of_words ORDER BY id;
SELECT ts_equals('ts_of_words'), ts_equals('ts_by_default');

-- dictionary
CREATE TEXT SEARCH DICTIONARY ts_stem (TEMPLATE = snowball, LANGUAGE = english, STOPWORDS = english);
ALTER TEXT SEARCH CONFIGURATION ts_words ALTER MAPPING FOR asciiword WITH ts_stem;
SELECT ts_equals('ts_of_words'), ts_equals('ts_by_default');
ALTER TEXT SEARCH DICTIONARY ts_stem (STOPWORDS);
SELECT * FROM ts_of_words ORDER BY id;
SELECT ts_equals('ts_of_words'), ts_equals('ts_by_default');

-- configuration and dictionary of each row, also below a view
CREATE TABLE ts_documents (id int PRIMARY KEY, language regconfig, dictionary regdictionary, body text);
INSERT INTO ts_documents VALUES (1, 'public.ts_words', 'ts_stem', 'the running cats'), (2, 'simple', 'simple', 'the dogs');
CREATE VIEW ts_view AS SELECT id, to_tsvector(language, body) AS words FROM ts_documents;
CREATE FOREIGN TABLE ts_of_language () SERVER pgtrickle
  OPTIONS (query 'SELECT id, to_tsvector(language, body) AS words FROM ts_documents', schedule '520w');
CREATE FOREIGN TABLE ts_of_view () SERVER pgtrickle OPTIONS (query 'SELECT id, words FROM ts_view', schedule '520w');
CREATE FOREIGN TABLE ts_of_dictionary () SERVER pgtrickle
  OPTIONS (query $$SELECT id, ts_lexize(dictionary, 'the') AS lexemes FROM ts_documents$$, schedule '520w');
ALTER TEXT SEARCH CONFIGURATION ts_words ALTER MAPPING FOR asciiword WITH simple;
SELECT * FROM ts_of_language ORDER BY id;
SELECT ts_equals('ts_of_language'), ts_equals('ts_of_view');
ALTER TEXT SEARCH CONFIGURATION ts_words ALTER MAPPING FOR asciiword WITH ts_stem;
ALTER TEXT SEARCH DICTIONARY ts_stem (STOPWORDS = english);
SELECT * FROM ts_of_dictionary ORDER BY id;
SELECT ts_equals('ts_of_language'), ts_equals('ts_of_view'), ts_equals('ts_of_dictionary');
DROP TABLE ts_documents CASCADE;
DROP TABLE ts_source CASCADE;
DROP TEXT SEARCH CONFIGURATION ts_words;
DROP TEXT SEARCH DICTIONARY ts_stem;
DROP FUNCTION ts_equals(text);
