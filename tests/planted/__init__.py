"""Deliberate faults of the scheduler: small patches of copies of the engine's modules.

Each is a text that stands once in a module, and what stands there instead. The modules that hold
the rules are made anew from the patched source; events, commands and states stay the same classes,
so that a faulty engine can be explored and told to the real executor like the true one.
"""
