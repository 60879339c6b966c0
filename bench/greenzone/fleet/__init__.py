"""Many devices."""
