"""Tests of ecfleet itself."""
