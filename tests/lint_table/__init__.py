"""The lint held against brute force: thousands of small sets and policies, each one rehearsed.

`cases` draws them, `judging` asks the lint and the engine the same questions. A sample runs with
the tests; `make lint-table` runs the whole table.
"""
