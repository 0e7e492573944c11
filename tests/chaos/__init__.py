"""Real processes, killed under load: `script/chaos`.

Workers and ingest die by SIGKILL, at random points of the load. The emulator gets SIGTERM, for it saves its state
only then; producers post on meanwhile, since it answers nothing between the last call it took and the saving.
What a killed worker held comes back after 10 s instead of 60, and a worker takes one batch at a time, as the
emulator is slow; all else is as `triggers dev` has it.
"""
