"""Looking at rules, drawings and finished databases: what matches, what does not, what differs. Changes nothing."""
