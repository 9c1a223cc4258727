"""Engines spread over a Ray cluster. Knows the engine protocol, neither variants nor what is asked.

::

    placement.py  how many workers, with how many threads and GPUs each
    chunks.py     which requests a worker gets next, and what happens to those of a lost one; no Ray
    messages.py   what passes between the three kinds of process
    worker.py     on the nodes: holds engines, answers chunks
    fleet.py      the workers of a run: started, given chunks, replaced when they die
    driver.py     the process that speaks to Ray, so that Ray can neither print into ours nor end it
    spread.py     in our own process: an engine whose work is done by the fleet
"""
