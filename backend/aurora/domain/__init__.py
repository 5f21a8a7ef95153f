"""The words of the house: frozen values, states and the error tree. Imports the standard library only."""
