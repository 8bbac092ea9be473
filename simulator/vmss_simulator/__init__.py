"""A fake Azure scale set service: a deterministic world in virtual time, and its doors.

The world (`world.py`) is pure: it reads no clock, no file and no global randomness.
`arm/` speaks the Azure Resource Manager wire format over it; `transport.py` lets the real
SDK talk to that in-process, `server.py` serves it over HTTPS.
This package never imports vmssplan.
"""
