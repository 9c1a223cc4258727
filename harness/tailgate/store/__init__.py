"""What is kept: transcripts by content address (SQLite), and run folders."""
