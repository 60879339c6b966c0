"""The gate: a policy file, and what it says of a part or a record."""
