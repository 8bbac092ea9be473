"""Where journals, Rollouts and locks are kept; each implements the ports of the same names."""
