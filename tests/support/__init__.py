"""What the tests of the core share: builders of values, a fake service, runs that can be killed."""
