"""Every statement the daemon sends to queue.db, by name. The tables are in migrations/."""

from __future__ import annotations

from typing import Final

JOB: Final = "SELECT * FROM jobs WHERE id = ?"
JOB_BY_KEY: Final = "SELECT * FROM jobs WHERE idempotency_key = ?"
JOB_BY_OUTPUT: Final = """
SELECT * FROM jobs WHERE output = ?
  AND state IN ('queued', 'waiting', 'running', 'pausing', 'paused', 'cancelling', 'retry_wait')"""

INSERT_JOB: Final = """
INSERT INTO jobs (converter, source, output, options, priority, label, owner_uid, owner, idempotency_key,
                  max_attempts, restart, submitted_at, source_bytes, state, start_at, after, after_any, blockers)
VALUES (:converter, :source, :output, :options, :priority, :label, :owner_uid, :owner, :idempotency_key,
        :max_attempts, :restart, :now, :source_bytes, :state, :start_at, :after_ids, :after_any, :blockers)
RETURNING *"""

INSERT_DEPENDENCY: Final = "INSERT INTO dependencies (job_id, after_id) VALUES (?, ?)"
DEPENDENTS: Final = """
SELECT j.* FROM dependencies d JOIN jobs j ON j.id = d.job_id WHERE d.after_id = ? ORDER BY d.job_id"""
DROP_DEPENDENCY: Final = "DELETE FROM dependencies WHERE job_id = ? AND after_id = ?"
DROP_DEPENDENCIES: Final = "DELETE FROM dependencies WHERE job_id = ?"
UNBLOCK: Final = """
UPDATE jobs SET state = :state, blockers = blockers - 1, rev = rev + 1 WHERE id = :id AND state = :was RETURNING *"""
GO_NOW: Final = """
UPDATE jobs SET state = :state, blockers = 0, start_at = NULL, rev = rev + 1
WHERE id = :id AND state = :was RETURNING *"""
DEP_FAIL: Final = """
UPDATE jobs SET state = :state, rev = rev + 1, blockers = 0, finished_at = :now, error_code = :code,
  error_message = :message, error_hint = :hint
WHERE id = :id AND state = :was RETURNING *"""
READY: Final = """
SELECT id FROM jobs INDEXED BY jobs_timed WHERE state = 'waiting' AND blockers = 0 AND start_at <= ?
ORDER BY start_at LIMIT ?"""
QUEUE_UID: Final = "SELECT uid FROM queue"
SET_CHECKSUM: Final = "UPDATE jobs SET source_checksum = ? WHERE attempt_token = ?"

# --- history ------------------------------------------------------------------------------------------------------

REMEMBER: Final = """
INSERT OR REPLACE INTO history
SELECT
  j.id, j.state, j.converter, j.source, j.output, j.options, j.priority, j.label, j.owner, j.idempotency_key,
  j.submitted_at, j.started_at, j.finished_at, j.attempt,
  coalesce((SELECT sum(max(0, julianday(a.ended_at) - julianday(a.started_at))) * 86400.0 FROM attempts a
            WHERE a.job_id = j.id AND a.ended_at IS NOT NULL), 0.0),
  coalesce(nullif(j.source_bytes, 0), json_extract(r.report, '$.source_bytes'), 0),
  j.source_checksum, coalesce(json_extract(r.report, '$.output_bytes'), 0),
  coalesce(json_extract(r.report, '$.entities_read'), json_extract(j.progress, '$.entities_read'), 0),
  coalesce(json_extract(r.report, '$.elements_written'), json_extract(j.progress, '$.elements_written'), 0),
  coalesce(json_extract(r.report, '$.errors'), json_extract(j.progress, '$.error_count'), 0),
  coalesce(json_extract(r.report, '$.issues'), '{}'),
  coalesce((SELECT max(a.peak_rss_bytes) FROM attempts a WHERE a.job_id = j.id), 0),
  :version, j.error_code, j.error_message
FROM jobs j LEFT JOIN reports r ON r.job_id = j.id
WHERE j.id = :id"""
FORGET: Final = "DELETE FROM history WHERE job_id = ?"
PAST_JOB: Final = "SELECT * FROM history WHERE job_id = ?"
PAST_BY_KEY: Final = "SELECT * FROM history WHERE idempotency_key = ?"
HISTORY: Final = "SELECT * FROM history WHERE job_id < :before ORDER BY job_id DESC LIMIT :limit"
HISTORY_OF_STATE: Final = """
SELECT * FROM history WHERE state = :state AND job_id < :before ORDER BY job_id DESC LIMIT :limit"""
HISTORY_BELOW: Final = "SELECT max(job_id) FROM history WHERE job_id < ?"
HISTORY_ENDED: Final = """
SELECT count(*) FROM (SELECT 1 FROM history INDEXED BY history_by_end WHERE finished_at >= :since LIMIT :limit)"""
_WANTED: Final = """finished_at >= :since
  AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
  AND (:words = '' OR instr(lower(source), :words) OR instr(lower(label), :words))"""
HISTORY_PART: Final = f"""
SELECT * FROM history WHERE job_id < :before AND job_id >= :first AND {_WANTED}
ORDER BY job_id DESC LIMIT :limit"""
HISTORY_SINCE: Final = f"""
SELECT * FROM history INDEXED BY history_by_end WHERE job_id < :before AND {_WANTED}
ORDER BY job_id DESC LIMIT :limit"""
SAME_DRAWING: Final = """
SELECT * FROM history INDEXED BY history_by_source WHERE source_checksum = :checksum AND source_checksum <> ''
  AND job_id < :before
ORDER BY job_id DESC LIMIT :limit"""
DAYS: Final = "SELECT * FROM days WHERE day >= ? ORDER BY day, state"

ENDED: Final = """
SELECT id FROM jobs INDEXED BY jobs_by_end WHERE finished_at IS NOT NULL AND finished_at < :until
  AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
ORDER BY finished_at LIMIT :limit"""
COUNT_ENDED: Final = """
SELECT count(*) FROM jobs INDEXED BY jobs_by_end WHERE finished_at IS NOT NULL AND finished_at < :until
  AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))"""
DELETE_JOB: Final = "DELETE FROM jobs WHERE id = ? AND finished_at IS NOT NULL"
OLD_HISTORY: Final = """
DELETE FROM history WHERE job_id IN (SELECT job_id FROM history WHERE finished_at < ? ORDER BY finished_at LIMIT ?)"""

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
  lock_tries = CASE WHEN :locked THEN lock_tries + 1 ELSE 0 END,
  halvings = halvings + :halve,
  not_before = CASE WHEN :state = 'retry_wait' THEN :not_before END,
  finished_at = CASE WHEN :final THEN :now END,
  progress = coalesce(:progress, progress),
  error_code = :error_code, error_message = :error_message, error_hint = :error_hint
WHERE id = :id AND state = :was AND attempt_token = :token RETURNING *"""

LEAVE_UNOWNED: Final = """
UPDATE jobs SET state = :state, rev = rev + 1, not_before = NULL,
  blockers = CASE WHEN :final THEN 0 ELSE blockers END,
  finished_at = CASE WHEN :final THEN :now END
WHERE id = :id AND state = :was RETURNING *"""

RETRY: Final = """
UPDATE jobs SET state = :state, rev = rev + 1, attempts_charged = 0, deaths = 0, halvings = 0, lock_tries = 0,
  restart = CASE WHEN :restart THEN 1 ELSE restart END, not_before = NULL, finished_at = NULL, started_at = NULL,
  blockers = :blockers, error_code = '', error_message = '', error_hint = ''
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
