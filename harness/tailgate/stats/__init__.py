"""Statistics of the gate: numpy and scipy.special only, so that deciding needs no model library."""
