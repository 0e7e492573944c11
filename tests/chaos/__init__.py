"""Real processes, killed under load: `script/chaos`."""
