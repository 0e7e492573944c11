"""CPU time of servers that may have several processes."""

import psutil


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of `process` and of its descendants, also those that have ended; in steps of 10 ms."""
    own = process.cpu_times()
    running = [own, *(child.cpu_times() for child in process.children(recursive=True))]
    return float(own.children_user + own.children_system + sum(times.user + times.system for times in running))
