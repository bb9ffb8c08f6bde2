"""Where connections through a SOCKS proxy lead, and what a client does with one."""
