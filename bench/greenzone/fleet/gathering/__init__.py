"""What a fleet says: the records of many devices, read, checked, set beside each other, and shown."""
