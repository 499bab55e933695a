"""Annotations of pictures opened alone, outside a study: found again by the picture's hash."""

from pathlib import Path

from vesselapp.study.annotation import AnnotationFolder


class AnnotationStore:
    """Annotations under one folder, one for each picture's hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, image_sha256: str) -> AnnotationFolder:
        """Give where the annotation of a picture lies, whether or not it exists yet."""
        return AnnotationFolder(self.folder / image_sha256[:32])
