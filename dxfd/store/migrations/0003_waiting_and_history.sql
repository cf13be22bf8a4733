-- Jobs that wait for a time or for other jobs; and history: what became of each job, kept when the job itself is not.
-- The table of jobs is made anew because its CHECKs name the states.

CREATE TABLE jobs_new (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  state            TEXT    NOT NULL DEFAULT 'queued' CHECK (state IN (
                     'queued', 'waiting', 'running', 'pausing', 'paused', 'cancelling',
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
  source_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (source_bytes >= 0),   -- 0 while nobody has looked
  source_checksum  TEXT    NOT NULL DEFAULT '',                            -- of the content; known once a worker has begun
  start_at         TEXT,                                                   -- a user's wish: not before this time
  after            TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(after)), -- a user's wish: the jobs it comes after
  after_any        INTEGER NOT NULL DEFAULT 0 CHECK (after_any IN (0, 1)), -- however they end; else they must succeed
  blockers         INTEGER NOT NULL DEFAULT 0 CHECK (blockers >= 0),       -- how many of these have not ended
  CHECK ((state IN ('running', 'pausing', 'cancelling')) = (attempt_token IS NOT NULL)),
  CHECK ((state = 'retry_wait') = (not_before IS NOT NULL)),
  CHECK ((state IN ('succeeded', 'failed', 'cancelled', 'quarantined')) = (finished_at IS NOT NULL)),
  CHECK (state <> 'waiting' OR blockers > 0 OR start_at IS NOT NULL),
  CHECK (blockers = 0 OR state IN ('waiting', 'paused'))
) STRICT;

INSERT INTO jobs_new (
  id, state, rev, converter, source, output, options, priority, label, owner_uid, owner, idempotency_key, max_attempts,
  attempt, attempt_token, attempts_charged, deaths, halvings, restart, submitted_at, started_at, finished_at, not_before,
  progress, error_code, error_message, error_hint, source_bytes)
SELECT
  id, state, rev, converter, source, output, options, priority, label, owner_uid, owner, idempotency_key, max_attempts,
  attempt, attempt_token, attempts_charged, deaths, halvings, restart, submitted_at, started_at, finished_at, not_before,
  progress, error_code, error_message, error_hint, source_bytes
FROM jobs;
-- Numbers are never given twice, not even those of jobs that are gone.
INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq)
  SELECT (SELECT rowid FROM sqlite_sequence WHERE name = 'jobs_new'), 'jobs_new', seq FROM sqlite_sequence WHERE name = 'jobs';
DROP TABLE jobs;
ALTER TABLE jobs_new RENAME TO jobs;

CREATE INDEX jobs_runnable ON jobs (priority DESC, id) WHERE state = 'queued';
CREATE INDEX jobs_smallest ON jobs (priority DESC, source_bytes, id) WHERE state = 'queued';
CREATE INDEX jobs_due ON jobs (not_before) WHERE state = 'retry_wait';
-- What waits for a time alone.
CREATE INDEX jobs_timed ON jobs (start_at) WHERE state = 'waiting' AND blockers = 0;
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE UNIQUE INDEX jobs_by_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_output ON jobs (output)
  WHERE state IN ('queued', 'waiting', 'running', 'pausing', 'paused', 'cancelling', 'retry_wait');
-- What is cleaned away first.
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;

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

-- Which jobs wait for which; a row goes when the earlier job has ended. A job can only come after one that is there
-- already, so there is no cycle.
CREATE TABLE dependencies (
  job_id   INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  after_id INTEGER NOT NULL CHECK (after_id < job_id),
  PRIMARY KEY (job_id, after_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependencies_by_earlier ON dependencies (after_id);

-- How each job ended last, written with its end. It stays when the job is cleaned away.
CREATE TABLE history (
  job_id          INTEGER PRIMARY KEY,
  state           TEXT    NOT NULL CHECK (state IN ('succeeded', 'failed', 'cancelled', 'quarantined')),
  converter       TEXT    NOT NULL,
  source          TEXT    NOT NULL,
  output          TEXT    NOT NULL,
  options         TEXT    NOT NULL CHECK (json_valid(options)),
  priority        INTEGER NOT NULL,
  label           TEXT    NOT NULL,
  owner           TEXT    NOT NULL,
  idempotency_key TEXT,
  submitted_at    TEXT    NOT NULL,
  started_at      TEXT,
  finished_at     TEXT    NOT NULL,
  attempts        INTEGER NOT NULL,
  work_s          REAL    NOT NULL,  -- of all its attempts; waits and pauses are not in it
  source_bytes    INTEGER NOT NULL,
  source_checksum TEXT    NOT NULL,
  output_bytes    INTEGER NOT NULL,
  entities        INTEGER NOT NULL,
  elements        INTEGER NOT NULL,
  errors          INTEGER NOT NULL,
  warnings        TEXT    NOT NULL CHECK (json_valid(warnings)),  -- issue code: count
  peak_rss_bytes  INTEGER NOT NULL,
  dxfd_version    TEXT    NOT NULL,
  error_code      TEXT    NOT NULL,
  error_message   TEXT    NOT NULL
) STRICT;
CREATE INDEX history_by_end ON history (finished_at);
CREATE INDEX history_by_state ON history (state, job_id);
CREATE INDEX history_by_source ON history (source_checksum, job_id) WHERE source_checksum <> '';
CREATE UNIQUE INDEX history_by_key ON history (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Sums per day and outcome: every end counts on its day, and cleaning takes nothing away.
CREATE TABLE days (
  day            TEXT    NOT NULL,  -- UTC
  state          TEXT    NOT NULL,
  jobs           INTEGER NOT NULL,
  entities       INTEGER NOT NULL,
  elements       INTEGER NOT NULL,
  errors         INTEGER NOT NULL,
  source_bytes   INTEGER NOT NULL,
  output_bytes   INTEGER NOT NULL,
  work_s         REAL    NOT NULL,
  peak_rss_bytes INTEGER NOT NULL,  -- the largest
  PRIMARY KEY (day, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER history_summed AFTER INSERT ON history BEGIN
  INSERT INTO days (day, state, jobs, entities, elements, errors, source_bytes, output_bytes, work_s, peak_rss_bytes)
  VALUES (substr(new.finished_at, 1, 10), new.state, 1, new.entities, new.elements, new.errors, new.source_bytes,
          new.output_bytes, new.work_s, new.peak_rss_bytes)
  ON CONFLICT (day, state) DO UPDATE SET
    jobs = jobs + 1, entities = entities + excluded.entities, elements = elements + excluded.elements,
    errors = errors + excluded.errors, source_bytes = source_bytes + excluded.source_bytes,
    output_bytes = output_bytes + excluded.output_bytes, work_s = work_s + excluded.work_s,
    peak_rss_bytes = max(peak_rss_bytes, excluded.peak_rss_bytes);
END;

INSERT INTO history
SELECT
  j.id, j.state, j.converter, j.source, j.output, j.options, j.priority, j.label, j.owner, j.idempotency_key,
  j.submitted_at, j.started_at, j.finished_at, j.attempt,
  coalesce((SELECT sum(max(0, julianday(a.ended_at) - julianday(a.started_at))) * 86400.0 FROM attempts a
            WHERE a.job_id = j.id AND a.ended_at IS NOT NULL), 0.0),
  j.source_bytes, '', 0,
  coalesce(json_extract(r.report, '$.entities_read'), json_extract(j.progress, '$.entities_read'), 0),
  coalesce(json_extract(r.report, '$.elements_written'), json_extract(j.progress, '$.elements_written'), 0),
  coalesce(json_extract(r.report, '$.errors'), json_extract(j.progress, '$.error_count'), 0),
  coalesce(json_extract(r.report, '$.issues'), '{}'),
  coalesce((SELECT max(a.peak_rss_bytes) FROM attempts a WHERE a.job_id = j.id), 0),
  '', j.error_code, j.error_message
FROM jobs j LEFT JOIN reports r ON r.job_id = j.id
WHERE j.finished_at IS NOT NULL;

-- Names this queue, so that a published database tells which queue's job made it.
ALTER TABLE queue ADD COLUMN uid TEXT NOT NULL DEFAULT '';
UPDATE queue SET uid = lower(hex(randomblob(8)));
