"""SaladCloud's public API: container groups on GPU classes at four priorities, billed while they run, with a ledger."""
