"""What operators see: metrics, log lines, redaction. Listens to the other rooms; no other room imports it."""
