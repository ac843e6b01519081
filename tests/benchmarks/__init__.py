"""Benchmarks: what gitexp costs, beside what one would otherwise use.

Every figure is a ratio on one machine in one run: the contestants take turns, round by round, and
are compared pair by pair. A missed aim is printed and fails nothing.

    make bench                              everything, well over an hour; repositories with 100,000
                                            runs are made for it, and take some gigabytes meanwhile
    make bench BENCH='--only save'          one benchmark; --rounds N, --quick, --json FILE

`track` and `search` are beside MLflow, whose stores MLflow makes; for `search` they are filled with
the same runs by writing to them directly. `append`, `index`, `run-size` and `run-exchange` are
about the ledger and the index of runs. `evaluate` is beside Inspect and promptfoo (which needs
Node.js), and beside a loop with aiohttp that keeps nothing; all of them ask one local server.
"""
