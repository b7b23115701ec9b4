"""Slack: messages and interactions, acknowledged at once and translated to the shape every channel uses."""
