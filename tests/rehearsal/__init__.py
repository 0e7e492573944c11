"""Deploys to an emulator that enforces IAM, as one would to AWS, sends events through, and destroys it again."""
