"""`check`: a marked user's whole life in a running stack, and what the stack says of itself.

marked_user.py says who it is, and how a run that was killed is found again; lifecycle.py has the
steps, report.py what came of them.
"""
