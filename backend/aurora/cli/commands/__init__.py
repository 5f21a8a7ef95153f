"""One module per group of commands: what the terminal takes, and what is done with it."""
