"""Which certificate an ecFlow client trusts when it speaks TLS."""
