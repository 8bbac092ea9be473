"""Pure renderers: the same Rollout and Run as text, JSON, and a heat map."""
