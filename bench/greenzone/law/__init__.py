"""What is ruled: regimes, countries, transactions, and the classification of a part."""
