"""Breaks the safety core on purpose, one small change at a time, and asks the tests to notice.

`python -m tests.mutation` makes every mutant of the modules in scope, carries out the tests that
reach its line, and lists those that no test notices. Each of them is a missing test, dead code, or
explained in `equivalent.toml`, where an entry that fits no surviving mutant is an error too.
"""
