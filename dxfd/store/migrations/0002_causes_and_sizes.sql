-- More ways for an attempt to end, and the drawing's size for the order "smallest first" and for estimates of memory.
-- The list of causes is the contract's (AttemptView.cause): a CHECK of it here once ended the daemon at a new one.

CREATE TABLE attempts_new (
  job_id             INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  attempt            INTEGER NOT NULL,
  token              TEXT    NOT NULL UNIQUE,
  started_at         TEXT    NOT NULL,
  ended_at           TEXT,
  cause              TEXT    NOT NULL DEFAULT '',
  detail             TEXT    NOT NULL DEFAULT '',
  pid                INTEGER NOT NULL DEFAULT 0,
  pid_start          INTEGER NOT NULL DEFAULT 0,
  boot_id            TEXT    NOT NULL DEFAULT '',
  resumed_from_batch INTEGER NOT NULL DEFAULT 0,
  peak_rss_bytes     INTEGER NOT NULL DEFAULT 0,
  exit_status        INTEGER,
  PRIMARY KEY (job_id, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO attempts_new SELECT * FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_new RENAME TO attempts;

-- Bytes of the drawing; 0 while nobody has looked.
ALTER TABLE jobs ADD COLUMN source_bytes INTEGER NOT NULL DEFAULT 0 CHECK (source_bytes >= 0);
CREATE INDEX jobs_smallest ON jobs (priority DESC, source_bytes, id) WHERE state = 'queued';
