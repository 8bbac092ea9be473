"""A picture of Runs on a terminal, and the keys under it.

`screen` owns the terminal: what it draws fits, and it is given back as it was. `keys` reads what is
typed, `control` asks before anything is done, and `picture` is what is seen of a Run.
"""
