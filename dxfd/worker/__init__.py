"""The child process that runs one job."""
