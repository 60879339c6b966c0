"""What measures each device exactly once: in this process, in one of its own, or on a Ray cluster."""
