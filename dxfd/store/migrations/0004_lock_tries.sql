-- An output that another program holds is tried again and again without using up the attempts of a job that fails.

ALTER TABLE jobs ADD COLUMN lock_tries INTEGER NOT NULL DEFAULT 0 CHECK (lock_tries >= 0); -- in a row, of a locked output
