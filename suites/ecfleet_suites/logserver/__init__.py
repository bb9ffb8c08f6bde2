"""What a log server answers, and what a client makes of it."""
