"""Adapters to the services a rollout runs against; each implements `ports.Backend`."""
