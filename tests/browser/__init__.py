"""Can a person use it? Real pages in a real Chromium, with accessibility and size budgets."""
