"""What daemon, worker and client say to each other: the leaf that all sides share."""
