"""Which entry of the token file a client uses, and what it sends for it."""
