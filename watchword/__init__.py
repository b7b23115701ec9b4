"""Watchword's launcher: finds the rooms and puts them within reach. It holds nothing else."""

__version__ = "0.1.0"
