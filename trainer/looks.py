"""Which pictures look alike: crops of one field, or of one slide, must stay on one side of a split."""

import dataclasses
from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from trainer.lineage import copies_as_one
from trainer.pictures import read_pixels
from trainer.readers import Case

_QUANTILES = (2, 10, 25, 50, 75, 90)
_OF_A_SIZE = 5
"""A size that fewer pictures of a set have, of those as bright or dark, is no kind of its own."""


def group_by_look(cases: list[Case]) -> list[Case]:
    """Give the cases with ``subject`` set to a group of like colours, and ``kind`` to size and brightness.

    Looks are told apart within a kind. Pictures of sizes that few have are of one kind, so crops of one slide
    are of one look, whatever their sizes.

    Groups come of average linkage over the largest difference of colour quantiles: 4 levels join dark
    pictures, 12 bright ones, whose light varies more. Looks that share a subject, as
    the readers tell it, are one group, under the name and kind of one of them: both stay on one side.
    """
    people = {case.key: (case.set_name, case.subject) for case in cases}
    seen = []
    for case in cases:
        pixels = read_pixels(case.image)
        quantiles = np.percentile(pixels.reshape(-1, 3), _QUANTILES, axis=0).ravel()
        bright = "bright" if quantiles.mean() > 60 else "dark"
        seen.append((case, quantiles, (case.set_name, f"{pixels.shape[1]}x{pixels.shape[0]}", bright)))
    times = Counter(seen_as for _, _, seen_as in seen)
    rows: dict[str, list[tuple[Case, NDArray[np.float64]]]] = defaultdict(list)
    for case, quantiles, (set_name, size, bright) in seen:
        size = size if times[set_name, size, bright] >= _OF_A_SIZE else "other sizes"
        rows[f"{set_name} {size} {bright}"].append((case, quantiles))
    out: list[Case] = []
    for kind, members in rows.items():
        groups = np.ones(len(members), int)
        if len(members) > 1:
            tree = linkage(np.stack([q for _, q in members]), "average", metric="chebyshev")
            groups = fcluster(tree, 12 if kind.endswith("bright") else 4, "distance")
        for (case, _), group in zip(members, groups, strict=True):
            out.append(dataclasses.replace(case, subject=f"{kind} {group}", kind=kind))
    looks = copies_as_one([(c.subject, c.kind) for c in out], [people[c.key] for c in out])
    return [
        dataclasses.replace(case, subject=subject, kind=kind)
        for case, (subject, kind) in zip(out, looks, strict=True)
    ]
