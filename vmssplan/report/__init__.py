"""Values in, text out: Rollouts, Runs and scale sets as people and machines read them.

Nothing here prints, reads a clock or looks at the environment: width, time and colour are
arguments. `text` shows a Rollout, `run` what happens in a Run, `status` many Runs, `heatmap` and
`live` a set while it changes, `as_json` the same for machines.
"""
