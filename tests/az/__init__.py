"""The real Azure CLI, unmodified, against a served simulator: `make test-az`."""
