"""All SQL, one module per noun. A repository works on a connection inside the caller's transaction."""
