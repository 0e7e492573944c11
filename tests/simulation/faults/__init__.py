"""Faults of the services and of the processes, one file for each kind. `tests.simulation.profiles` switches them on."""
