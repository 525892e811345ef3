-- A chunk is found by a number made of its measure, span and service (`chunk::id`), so that the end of a range is seen from the
-- number alone, and the rest stands in a table of its own: of a row of many pages SQLite would otherwise read all of them to
-- compare its key. What is packed stays as it is.
DROP INDEX fact_chunk_place;
DROP INDEX fact_chunk_carried;
ALTER TABLE fact_chunk RENAME TO fact_former;
CREATE TABLE fact_chunk (
  id INTEGER PRIMARY KEY,
  measure INTEGER NOT NULL,
  span INTEGER NOT NULL,
  place INTEGER NOT NULL,
  until INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE fact_rest (id INTEGER PRIMARY KEY, rest BLOB NOT NULL);
INSERT INTO fact_chunk SELECT (measure << 57) + ((span + (1 << 24)) << 32) + place, measure, span, place, until, body
  FROM fact_former ORDER BY measure, span, place;
INSERT INTO fact_rest SELECT (measure << 57) + ((span + (1 << 24)) << 32) + place, rest
  FROM fact_former ORDER BY measure, span, place;
DROP TABLE fact_former;
CREATE INDEX fact_chunk_place ON fact_chunk (place);
CREATE INDEX fact_chunk_carried ON fact_chunk (measure, until) WHERE until > 2419200000 * (span + 1);
