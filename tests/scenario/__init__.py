"""Does it work from one end to the other? The whole app with real signatures; only the vendors are stand-ins."""
