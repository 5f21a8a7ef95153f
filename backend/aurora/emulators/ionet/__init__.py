"""io.net's CaaS API: prepaid hours of containers on network or partner hardware, with a ledger."""
