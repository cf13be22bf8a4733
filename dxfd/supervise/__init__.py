"""The arbiter: which jobs run, in which processes, within which memory."""
