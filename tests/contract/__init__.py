"""Contract tests: a mock beside the real program, the same calls on both, the same outcome."""
