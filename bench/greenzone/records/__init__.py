"""What is kept: the record of a run, and its store."""
