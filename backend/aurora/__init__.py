"""Aurora: one API over the decentralised GPU markets."""
