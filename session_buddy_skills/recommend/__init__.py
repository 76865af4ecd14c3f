"""Candidates in, ranking out: pure functions and what is fitted for them. No I/O, no clock."""
