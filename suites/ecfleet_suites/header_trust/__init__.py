"""Whom an ecFlow server believes behind a reverse proxy, and what may never reach it."""
