"""What is claimed: device profiles, and evidence made into parameters."""
