"""SQL lives here and nowhere else. Rows never leave: repositories take and give domain values."""
