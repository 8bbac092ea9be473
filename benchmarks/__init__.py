"""What speed is measured by; run with `make bench`."""
