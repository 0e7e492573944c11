"""Many producers and pollers at the embedded stack for minutes: `script/load`.

Producers, followers, ledger and checks are those of `tests/chaos`; no process is killed. Events come at a steady
rate, some of them twice, and are followed by long polls, each event by half of the pollers. At the end everything is
read back, and the account must be even: what was accepted is listed once, the queues are empty, no process has grown.
"""
