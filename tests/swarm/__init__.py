"""Thousands of made-up Runs in made-up worlds, judged from outside.

A seed makes a Case: a world, a Plan, what goes wrong, what others do meanwhile, what people say,
and where the process dies. The Case is lived through in virtual time, and at every request what
must always be true is checked against the world itself, not against what the engine thinks. A Case
in which something does not hold is made as small as it can be and kept in `regressions/`, where a
test lives through it for ever.

    python -m tests.swarm --seeds 2000
"""
