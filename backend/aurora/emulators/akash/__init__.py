"""The emulated Akash Network: Console API, chain, provider gateways and provider-proxy."""
