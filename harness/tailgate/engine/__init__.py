"""How answers are computed: one protocol, several engines, one of which (`reference`) is the oracle."""
