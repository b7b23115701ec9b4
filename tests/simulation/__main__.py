"""`python -m tests.simulation SEED`: run one seed and print its trace and its hash; the last line of a failure tells
you to."""

import sys

from tests.simulation.whole import simulate

if __name__ == "__main__":
    found = simulate(int(sys.argv[1]))
    sys.stdout.write("\n".join((*found.trace, f"{found.counts}", found.hash)) + "\n")
