"""vesselapp: find, correct and learn vessels and cells in pictures.

Importing the package loads nothing; each floor (`core`, `inference`, `study`, `state`, `ui`) is imported by
name.
"""

__version__ = "0.1.0"
