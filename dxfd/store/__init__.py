"""The queue database: its only writer is the daemon."""
