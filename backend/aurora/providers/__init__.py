"""One folder per market, all behind one contract. Knows nothing of the database, the API or other markets."""
