"""A device that is not there: `device` runs it, `model` times it, `links` joins it to the host."""
