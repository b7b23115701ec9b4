"""The sealed log: its tree, the signed checkpoints, and what can be proven with them (SEC-54, SEC-55, SEC-56)."""
