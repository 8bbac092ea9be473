"""Reviewable, resumable OS image rollouts for Azure virtual machine scale sets."""

__version__ = "0.1.0"
