"""Queue, workers and the observe-decide-act loop.  Knows no kind."""
