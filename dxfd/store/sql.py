"""Every statement the daemon sends to queue.db, by name. The tables are in migrations/."""

from __future__ import annotations

from typing import Final

JOB: Final = "SELECT * FROM jobs WHERE id = ?"
JOB_BY_KEY: Final = "SELECT * FROM jobs WHERE idempotency_key = ?"
JOB_BY_OUTPUT: Final = """
SELECT * FROM jobs WHERE output = ?
  AND state IN ('queued', 'running', 'pausing', 'paused', 'cancelling', 'retry_wait')"""

INSERT_JOB: Final = """
INSERT INTO jobs (converter, source, output, options, priority, label, owner_uid, owner, idempotency_key,
                  max_attempts, restart, submitted_at, source_bytes)
VALUES (:converter, :source, :output, :options, :priority, :label, :owner_uid, :owner, :idempotency_key,
        :max_attempts, :restart, :now, :source_bytes)
RETURNING *"""

CLAIM: Final = """
UPDATE jobs SET state = 'running', rev = rev + 1, attempt = attempt + 1, attempt_token = :token,
  started_at = coalesce(started_at, :now), error_code = '', error_message = '', error_hint = ''
WHERE id = :id AND state = 'queued' RETURNING *"""

MOVE: Final = """
UPDATE jobs SET state = :state, rev = rev + 1 WHERE id = :id AND state = :was RETURNING *"""

END_ATTEMPT: Final = """
UPDATE jobs SET state = :state, rev = rev + 1, attempt_token = NULL,
  attempts_charged = CASE WHEN :progressed THEN 0 ELSE attempts_charged END + :charged,
  deaths = CASE WHEN :progressed THEN 0 ELSE deaths END + :death,
  halvings = halvings + :halve,
  not_before = CASE WHEN :state = 'retry_wait' THEN :not_before END,
  finished_at = CASE WHEN :final THEN :now END,
  progress = coalesce(:progress, progress),
  error_code = :error_code, error_message = :error_message, error_hint = :error_hint
WHERE id = :id AND state = :was AND attempt_token = :token RETURNING *"""

LEAVE_UNOWNED: Final = """
UPDATE jobs SET state = :state, rev = rev + 1, not_before = NULL,
  finished_at = CASE WHEN :final THEN :now END
WHERE id = :id AND state = :was RETURNING *"""

RETRY: Final = """
UPDATE jobs SET state = :state, rev = rev + 1, attempts_charged = 0, deaths = 0, halvings = 0,
  restart = CASE WHEN :restart THEN 1 ELSE restart END, not_before = NULL, finished_at = NULL, started_at = NULL,
  error_code = '', error_message = '', error_hint = ''
WHERE id = :id AND state = :was RETURNING *"""

INSERT_ATTEMPT: Final = "INSERT INTO attempts (job_id, attempt, token, started_at) VALUES (?, ?, ?, ?)"
SET_PROCESS: Final = "UPDATE attempts SET pid = ?, pid_start = ?, boot_id = ? WHERE token = ?"
SET_RESUMED: Final = "UPDATE attempts SET resumed_from_batch = ? WHERE token = ?"
CLEAR_RESTART: Final = "UPDATE jobs SET restart = 0, rev = rev + 1 WHERE attempt_token = ? AND restart = 1"
CLOSE_ATTEMPT: Final = """
UPDATE attempts SET ended_at = :now, cause = :cause, detail = :detail, exit_status = :exit_status,
  peak_rss_bytes = :peak_rss_bytes
WHERE token = :token"""
PROGRESS: Final = "UPDATE jobs SET progress = ?, rev = rev + 1 WHERE attempt_token = ?"
PROCESS: Final = "SELECT pid, pid_start, boot_id FROM attempts WHERE token = ?"

INSERT_EVENT: Final = "INSERT INTO events (job_id, at, event, state, detail) VALUES (?, ?, ?, ?, ?)"
PUT_REPORT: Final = "INSERT OR REPLACE INTO reports (job_id, report) VALUES (?, ?)"
REPORT: Final = "SELECT report FROM reports WHERE job_id = ?"
EVENTS: Final = """
SELECT * FROM (SELECT seq, at, event, state, detail FROM events WHERE job_id = ? ORDER BY seq DESC LIMIT ?)
ORDER BY seq"""
ATTEMPTS: Final = """
SELECT * FROM (SELECT * FROM attempts WHERE job_id = ? ORDER BY attempt DESC LIMIT ?) ORDER BY attempt"""

# Left to itself, SQLite takes jobs_by_state and then sorts every queued job.
RUNNABLE: Final = """
SELECT * FROM jobs INDEXED BY jobs_runnable WHERE state = 'queued' ORDER BY priority DESC, id LIMIT ?"""
SMALLEST: Final = """
SELECT * FROM jobs INDEXED BY jobs_smallest WHERE state = 'queued' ORDER BY priority DESC, source_bytes, id LIMIT ?"""
SET_SIZE: Final = "UPDATE jobs SET source_bytes = ? WHERE id = ? AND source_bytes <> ?"
PEAKS: Final = """
SELECT j.source, j.source_bytes, a.peak_rss_bytes FROM attempts a JOIN jobs j ON j.id = a.job_id
WHERE a.cause = 'finished' AND a.resumed_from_batch = 0 AND a.peak_rss_bytes > 0 AND j.source_bytes > 0
ORDER BY a.job_id DESC, a.attempt DESC LIMIT ?"""
SHIFT_DUE: Final = """
UPDATE jobs SET not_before = strftime('%Y-%m-%dT%H:%M:%fZ', not_before, ?) WHERE state = 'retry_wait'"""
DUE: Final = """
SELECT id FROM jobs INDEXED BY jobs_due WHERE state = 'retry_wait' AND not_before <= ? ORDER BY not_before LIMIT ?"""
OWNED: Final = "SELECT * FROM jobs WHERE state IN ('running', 'pausing', 'cancelling') ORDER BY id"
PAGE: Final = "SELECT * FROM jobs WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?"
PAGE_ALL: Final = "SELECT * FROM jobs WHERE id < ? ORDER BY id DESC LIMIT ?"
COUNTS: Final = "SELECT state, n FROM job_counts WHERE n > 0"

QUEUE: Final = "SELECT paused FROM queue"
SET_QUEUE: Final = "UPDATE queue SET paused = ?, paused_at = ? WHERE paused <> ?"
