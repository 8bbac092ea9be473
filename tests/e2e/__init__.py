"""The program as its users run it: real processes, real terminals, real connections."""
