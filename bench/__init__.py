"""Benchmarks that print ratios against this machine's own ceiling: a slow machine and a slow change look different."""
