"""Does every implementation keep the same promise? One suite for all stores, channels and connectors, fakes too."""
