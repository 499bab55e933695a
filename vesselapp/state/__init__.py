"""The open document, its history and background jobs; signals without Qt."""
