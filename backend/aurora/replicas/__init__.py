"""What several processes on one Postgres do so that they are one Aurora: duties, tokens, circuits, and following."""
