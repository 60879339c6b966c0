"""A lot held to represented values: the laboratory method, its three sides, and what a certificate may say."""
