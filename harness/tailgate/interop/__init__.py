"""Logs that other tools wrote, read as paired outcomes. Nothing here needs a model, torch or the tools themselves."""
