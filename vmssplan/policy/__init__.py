"""Rules of a team that every Plan must keep: JSON Schema fragments and CEL expressions.

`loading` reads a Policy and names every mistake with its place; `judging` asks whether its rules
hold, in a process of its own (`worker`), so that no expression can hang or crash the program.
What does not hold becomes a finding like those of the lint; what cannot be told is an error.
"""

from vmssplan.policy.values import Policy, Rule, Variable

__all__ = ["Policy", "Rule", "Variable"]
