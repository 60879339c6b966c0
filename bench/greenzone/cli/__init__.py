"""The command `greenzone`: one file for each command group, imported when it is called."""
