"""Does it hold when all goes wrong? Seeded clock, network, crashes and repeats; a failing seed fails again."""
