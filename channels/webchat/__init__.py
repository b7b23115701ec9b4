"""The live-chat widget and its API: visitors on a web site, each held to a short-lived token and one origin."""
