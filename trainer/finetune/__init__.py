"""The learning loop: from reviewed pictures of a study to a candidate, and to the verdict on it."""
