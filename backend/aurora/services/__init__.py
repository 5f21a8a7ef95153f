"""Use cases: sync, route, deploy, look after providers. One module each."""
