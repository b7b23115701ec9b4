"""What is lost when something breaks: nothing (TST-05, TST-06, REL-10, REL-14).

Real processes of `watchword serve`, on a real PostgreSQL and Redis or on a SQLite file, behind a proxy. While a check
goes through its whole story again and again, something is killed, frozen, emptied, filled up or moved. Then the
database, the carrier and the phones are held against one another.

    matrix.py        the table: each fault, where it applies, its cost         verdict.py   what must hold then
    installation.py  replicas, proxy, carrier and the servers they stand on   traffic.py   people and technicians
    linear.py        is a history of calls explained by some order?               one_check.py that order's model

Part of the usual run, where each fault lasts a few seconds; with `--long` they last as long as in earnest.
"""
