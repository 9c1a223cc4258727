"""Variants of a model as a service: an OpenAI-compatible server on the native core, and shadow mode.

`run.serve` wires everything; `hosting` loads variants, `worker` is the thread that runs their batches, `app` answers
requests, `shadow` has a candidate verify in the background what the baseline answered.
"""
