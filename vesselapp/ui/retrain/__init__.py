"""Retraining in the window: what is learnt from, the run, its verdict, and the numbered models."""
