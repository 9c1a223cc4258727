"""Whole clusters as betting units: items that share a text are not independent, their clusters are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailgate.stats.eprocess import Units, check_differences


def cluster_units(differences: ArrayLike, clusters: ArrayLike, largest: int) -> Units:
    """Betting units of whole clusters: ``x_g = sum_{i in g} (D_i + m) / largest``.

    Parameters
    ----------
    differences : array_like, shape (n,)
        Candidate score minus baseline score per item, each in [-1, 1].
    clusters : array_like of int, shape (n,)
        Cluster of each item.
    largest : int
        Declared largest number of items in a cluster, fixed before the first item.

    Raises
    ------
    ValueError
        A cluster holds more items than declared, or the two arrays differ in length.

    Notes
    -----
    Assumes clusters drawn independently in random order, each entering once and whole: betting on a part of a cluster
    and again on the rest would be a second look within one draw. Under ``delta <= -m``, with ``delta`` the mean over
    items, ``E[sum_{i in g} (D_i + m)] <= 0`` whatever the dependence inside the cluster and whatever the sizes. The
    mean of cluster means is another quantity, and testing it instead can pass always where sizes and effects go
    together.

    References
    ----------
    Waudby-Smith, I. and Ramdas, A. (2024). Estimating means of bounded random variables by betting. JRSS B 86(1).
    """
    values = check_differences(differences)
    codes: NDArray[np.intp] = np.unique(np.asarray(clusters), return_inverse=True)[1]
    if codes.shape != values.shape:
        raise ValueError(f"{values.size} differences but {codes.size} cluster labels")
    sizes = np.zeros(codes.max(initial=-1) + 1)
    np.add.at(sizes, codes, 1.0)
    if sizes.size and sizes.max() > largest:
        raise ValueError(f"a cluster holds {int(sizes.max())} items, declared are at most {largest}")
    # Sorted inside each cluster before adding, so that rounding does not depend on the order of the items either.
    order = np.lexsort((values, codes))
    sums = np.zeros_like(sizes)
    np.add.at(sums, codes[order], values[order])
    kinds, repeats = np.unique(np.stack((sums, sizes), axis=1), axis=0, return_counts=True)
    return Units(
        sums=kinds[:, 0],
        sizes=kinds[:, 1],
        repeats=repeats.astype(np.float64),
        largest=largest,
    )
