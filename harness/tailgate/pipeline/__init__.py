"""The only place where suite, variants, engine, grades, statistics, gate and reports meet.

::

    options.py    what the user asked for
    checks.py     do the two sides belong together, do the strata fit the model
    sides.py      one side of a comparison: a variant, its engine, and the store in front of it
    pairs.py      items asked of both sides, graded, paired
    rounds.py     calibration, and whole batches until every cell has its verdict
    manifest.py   what a run froze and did, as JSON and back
    decide.py     decide again from a run folder; no torch
    compare.py    the main job, from start to verdict
"""
