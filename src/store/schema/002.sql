-- Chunks of event facts lie in the order in which a board reads them, and come apart: what a board reads, and the rest (rows
-- of the records, dimensions), which is half of all bytes. What was packed before is derived again.
DROP TABLE fact_chunk;
CREATE TABLE fact_chunk (
  measure INTEGER NOT NULL,
  span INTEGER NOT NULL,
  place INTEGER NOT NULL,
  until INTEGER NOT NULL,
  body BLOB NOT NULL,
  rest BLOB NOT NULL,
  PRIMARY KEY (measure, span, place)
) WITHOUT ROWID;
CREATE INDEX fact_chunk_place ON fact_chunk (place);
CREATE INDEX fact_chunk_carried ON fact_chunk (measure, until) WHERE until > 2419200000 * (span + 1);
