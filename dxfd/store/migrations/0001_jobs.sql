-- The queue: jobs, their attempts, what happened to them, and the one flag of the queue itself.
-- The CHECKs repeat the contract (dxfd/contract/states.py); a test compares them. Times are UTC, ISO 8601, with Z.

CREATE TABLE jobs (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  state            TEXT    NOT NULL DEFAULT 'queued' CHECK (state IN (
                     'queued', 'running', 'pausing', 'paused', 'cancelling',
                     'retry_wait', 'succeeded', 'failed', 'cancelled', 'quarantined')),
  rev              INTEGER NOT NULL DEFAULT 0,
  converter        TEXT    NOT NULL,
  source           TEXT    NOT NULL,
  output           TEXT    NOT NULL,
  options          TEXT    NOT NULL CHECK (json_valid(options)),
  priority         INTEGER NOT NULL DEFAULT 0,
  label            TEXT    NOT NULL DEFAULT '',
  owner_uid        INTEGER NOT NULL,
  owner            TEXT    NOT NULL DEFAULT '',
  idempotency_key  TEXT    CHECK (idempotency_key <> ''),
  max_attempts     INTEGER NOT NULL CHECK (max_attempts >= 1),
  attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),        -- attempts begun
  attempt_token    TEXT,                                                   -- who may write: set while a worker owns the job
  attempts_charged INTEGER NOT NULL DEFAULT 0 CHECK (attempts_charged >= 0), -- failed ones since the last new checkpoint
  deaths           INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),         -- by signal or memory, likewise
  halvings         INTEGER NOT NULL DEFAULT 0 CHECK (halvings >= 0),       -- of the batch, after memory trouble
  restart          INTEGER NOT NULL DEFAULT 0 CHECK (restart IN (0, 1)),   -- the next attempt discards an interrupted run
  submitted_at     TEXT    NOT NULL,
  started_at       TEXT,
  finished_at      TEXT,
  not_before       TEXT,
  progress         TEXT    CHECK (progress IS NULL OR json_valid(progress)),
  error_code       TEXT    NOT NULL DEFAULT '',
  error_message    TEXT    NOT NULL DEFAULT '',
  error_hint       TEXT    NOT NULL DEFAULT '',
  CHECK ((state IN ('running', 'pausing', 'cancelling')) = (attempt_token IS NOT NULL)),
  CHECK ((state = 'retry_wait') = (not_before IS NOT NULL)),
  CHECK ((state IN ('succeeded', 'failed', 'cancelled', 'quarantined')) = (finished_at IS NOT NULL))
) STRICT;

-- What the scheduler picks next, in its order.
CREATE INDEX jobs_runnable ON jobs (priority DESC, id) WHERE state = 'queued';
-- What becomes due.
CREATE INDEX jobs_due ON jobs (not_before) WHERE state = 'retry_wait';
-- A page of the listing, per state.
CREATE INDEX jobs_by_state ON jobs (state, id);
-- The same key gives the same job, for ever.
CREATE UNIQUE INDEX jobs_by_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
-- Two unfinished jobs never write one output.
CREATE UNIQUE INDEX jobs_by_output ON jobs (output)
  WHERE state IN ('queued', 'running', 'pausing', 'paused', 'cancelling', 'retry_wait');

-- Counts per state, kept by triggers: a status costs the same at 10 and at 100,000 jobs.
CREATE TABLE job_counts (state TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n >= 0)) STRICT, WITHOUT ROWID;

CREATE TRIGGER jobs_counted_in AFTER INSERT ON jobs BEGIN
  INSERT INTO job_counts (state, n) VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER jobs_counted_over AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
  UPDATE job_counts SET n = n - 1 WHERE state = old.state;
  INSERT INTO job_counts (state, n) VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER jobs_counted_out AFTER DELETE ON jobs BEGIN
  UPDATE job_counts SET n = n - 1 WHERE state = old.state;
END;

-- One worker run. pid, pid_start and boot_id name the process, so that a reused pid is never taken for it.
CREATE TABLE attempts (
  job_id             INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  attempt            INTEGER NOT NULL,
  token              TEXT    NOT NULL UNIQUE,
  started_at         TEXT    NOT NULL,
  ended_at           TEXT,
  cause              TEXT    NOT NULL DEFAULT '' CHECK (cause IN (
                       '', 'finished', 'failed', 'yielded', 'cut_off', 'signal', 'memory', 'hung')),
  detail             TEXT    NOT NULL DEFAULT '',
  pid                INTEGER NOT NULL DEFAULT 0,
  pid_start          INTEGER NOT NULL DEFAULT 0,
  boot_id            TEXT    NOT NULL DEFAULT '',
  resumed_from_batch INTEGER NOT NULL DEFAULT 0,
  peak_rss_bytes     INTEGER NOT NULL DEFAULT 0,
  exit_status        INTEGER,
  PRIMARY KEY (job_id, attempt)
) STRICT, WITHOUT ROWID;

-- The story of each job.
CREATE TABLE events (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  at     TEXT    NOT NULL,
  event  TEXT    NOT NULL,
  state  TEXT    NOT NULL,
  detail TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX events_by_job ON events (job_id, seq);

-- The worker's report of a finished job, apart from the row so that listings stay small.
CREATE TABLE reports (
  job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
  report TEXT    NOT NULL CHECK (json_valid(report))
) STRICT;

CREATE TABLE queue (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  paused    INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  paused_at TEXT
) STRICT;
INSERT INTO queue (id) VALUES (1);
