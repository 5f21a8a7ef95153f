"""Provider emulators: local servers that speak the providers' own wire contracts, with a ledger of what everything cost.

They share nothing with the adapters but the words of the outside world: adapter and emulator are written from the same
contract by different hands, so that each tests the other.
"""
