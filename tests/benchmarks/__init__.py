"""Benchmarks: what gitexp costs, beside what one would otherwise use.

Every figure is a ratio on one machine in one run: the contestants take turns, round by round, and
are compared pair by pair. A missed aim is printed and fails nothing.

    make bench                              everything, about ten minutes
    make bench BENCH='--only save'          one benchmark; --rounds N, --quick, --json FILE
"""
