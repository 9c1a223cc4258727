"""Any server that speaks OpenAI's interface as an engine: it is asked over HTTP, its weights are not here."""
