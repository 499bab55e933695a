"""Tests of the command line, from the arguments to the files and the exit status."""
