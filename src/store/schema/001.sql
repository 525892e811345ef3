-- Step 1: the first schema. Steps are never edited once released; a change is a further numbered file.

-- Small things about the store itself.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Where each source stopped reading.
CREATE TABLE cursor (source TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID;

-- Names of sources (space 0), services (1) and repositories (2); everything else refers to their numbers.
CREATE TABLE name (id INTEGER PRIMARY KEY, space INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (space, text));

-- Records as reported. `hash` is of `id`; `home` is the service, else the repository, else 0; `ts` and `rev` are
-- milliseconds and nanoseconds since the epoch, `seen` is when it was observed (ns, 0: not said). A tombstone keeps its row, so that a late older revision stays gone.
CREATE TABLE record (
  row INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  source INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  home INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX record_hash ON record (hash);
CREATE INDEX record_time ON record (kind, ts) WHERE deleted = 0;
CREATE INDEX record_home ON record (home, kind, ts) WHERE deleted = 0;

-- Number of live records by kind.
CREATE TABLE tally (kind INTEGER PRIMARY KEY, live INTEGER NOT NULL);

-- Which names share a partition (0: records without a home), and which record ids and commits a partition mentions that
-- may live in another.
CREATE TABLE tie (a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE mention (hash INTEGER NOT NULL, home INTEGER NOT NULL, PRIMARY KEY (hash, home)) WITHOUT ROWID;
-- Where commits live, by hash of their sha; filled only once a deployment names a commit but no repository.
CREATE TABLE alias (hash INTEGER NOT NULL, home INTEGER NOT NULL, PRIMARY KEY (hash, home)) WITHOUT ROWID;

-- Work put off: partitions to derive (not before `due`, ms), bills to fold, live series to fold.
CREATE TABLE dirty (home INTEGER PRIMARY KEY, due INTEGER NOT NULL);
CREATE TABLE dirty_cost (source INTEGER NOT NULL, month INTEGER NOT NULL, PRIMARY KEY (source, month)) WITHOUT ROWID;
CREATE TABLE dirty_live (series INTEGER PRIMARY KEY, since INTEGER NOT NULL, till INTEGER NOT NULL);

-- What the ledger made of a record (class, attribution, shipments, link).
CREATE TABLE derived (row INTEGER PRIMARY KEY, body BLOB NOT NULL);

-- Event facts, packed by measure, span of 28 UTC days since the epoch, and service (else home). `until`: last
-- millisecond the chunk matters for, which for open incidents and outages is beyond its span.
CREATE TABLE fact_chunk (
  row INTEGER PRIMARY KEY,
  measure INTEGER NOT NULL,
  span INTEGER NOT NULL,
  place INTEGER NOT NULL,
  until INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (measure, span, place)
);
CREATE INDEX fact_chunk_place ON fact_chunk (place);
CREATE INDEX fact_chunk_carried ON fact_chunk (measure, until) WHERE until > 2419200000 * (span + 1);

-- Costs by day, packed by source and month in which the charges begin.
CREATE TABLE cost_chunk (
  source INTEGER NOT NULL,
  month INTEGER NOT NULL,
  since INTEGER NOT NULL,
  till INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (source, month)
) WITHOUT ROWID;

-- Live series: `ident` is everything about one but its numbers; `family` are the series folded together (locations of
-- one check). Raw points are kept for a while, buckets longer. A sealed bucket takes nothing more: its raw points are gone.
CREATE TABLE series (id INTEGER PRIMARY KEY, ident TEXT NOT NULL UNIQUE, family INTEGER NOT NULL);
CREATE INDEX series_family ON series (family);
CREATE TABLE family (id INTEGER PRIMARY KEY, ident TEXT NOT NULL UNIQUE, metric TEXT NOT NULL, service TEXT NOT NULL);
CREATE TABLE raw (
  series INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (series, ts)
) WITHOUT ROWID;
CREATE TABLE bucket (
  size INTEGER NOT NULL,
  family INTEGER NOT NULL,
  start INTEGER NOT NULL,
  sealed INTEGER NOT NULL DEFAULT 0,
  body BLOB NOT NULL,
  PRIMARY KEY (size, family, start)
) WITHOUT ROWID;
