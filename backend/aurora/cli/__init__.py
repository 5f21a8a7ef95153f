"""The `aurora` command. Every command imports what it needs when it runs: `aurora --help` stays quick."""
