"""vLLM as an engine: it loads the checkpoint itself, in processes of its own."""
