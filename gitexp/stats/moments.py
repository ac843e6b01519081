"""Centred moments of several columns: what a mean, a ratio and their covariates are made of.

Counts, means and centred products add exactly as raw sums do, and do not lose the variance of
values whose mean is large against their spread, as raw sums of squares do.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_count, check_finite

if TYPE_CHECKING:
    from gitexp.stats.checks import Array

Row = tuple[float, ...]
_EPSILON = sys.float_info.epsilon


@dataclass(frozen=True, kw_only=True)
class Moments:
    """The count, the means and the centred products of k columns over the same units.

    `products[i][j]` is Σ (x_i - mean_i)(x_j - mean_j) over the units, a symmetric k × k matrix.

    Two of them add to the moments of all units together: T. F. Chan, G. H. Golub and
    R. J. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
    (1983) 242-247, equation 2.1, here for products as well as squares.

    Raises:
        InvalidInput: the shapes differ, a number is not finite, or the products are no centred
            products (a negative square, or a covariance beyond what the variances allow).
    """

    count: int
    means: Row
    products: tuple[Row, ...]

    def __post_init__(self) -> None:
        check_count("count", self.count)
        if not self.means:
            raise InvalidInput("moments need at least one column")
        if [len(row) for row in self.products] != [self.columns] * self.columns:
            raise InvalidInput(f"products of {self.columns} means are no square of that size")
        check_finite("a mean", *self.means)
        for row in self.products:
            check_finite("a product", *row)
        _check_products(self.products)

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return len(self.means)

    @classmethod
    def empty(cls, columns: int) -> Moments:
        """Return the moments of no units: what adding starts from."""
        zeros = (0.0,) * columns
        return cls(count=0, means=zeros, products=(zeros,) * columns)

    @classmethod
    def from_columns(cls, columns: Sequence[Array]) -> Moments:
        """Return the moments of arrays of one length, one array a column.

        Raises:
            InvalidInput: a square does not fit into a float.
        """
        import numpy as np

        rows = np.column_stack(columns)
        if rows.shape[0] == 0:
            return cls.empty(rows.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            means = rows.mean(axis=0)
            centred = rows - means
            # A mean is rounded; what its error adds to the products is taken out again.
            slips = centred.mean(axis=0)
            products = centred.T @ centred - rows.shape[0] * np.outer(slips, slips)
        # A column without variation has exactly none, whatever its mean was rounded to.
        flat = np.ptp(rows, axis=0) == 0
        products[flat, :] = 0.0
        products[:, flat] = 0.0
        return cls(
            count=rows.shape[0],
            means=tuple(means.tolist()),
            products=tuple(tuple(row) for row in products.tolist()),
        )

    @classmethod
    def from_sums(cls, count: int, sums: Sequence[float], squares: Sequence[Row]) -> Moments:
        """Return the moments from raw sums: `sums[i]` = Σ x_i, `squares[i][j]` = Σ x_i x_j.

        Raw sums of squares cannot tell a spread below about 3e-8 of the mean from none, and it is
        taken as none; centred moments can.

        Raises:
            InvalidInput: the sums contradict each other, or the values vary so little around so
                large a mean that their variance is lost in rounding.
        """
        check_count("count", count)
        check_finite("a sum", *sums)
        if count == 0:
            _check_nothing(sums, squares)
            return cls.empty(len(sums))
        means = tuple(value / count for value in sums)

        def entry(i: int, j: int) -> float:
            expected = means[i] * means[j] * count
            return _centred(count, squares[i][j], expected, of_column=i == j)

        products = _symmetric(len(means), entry)
        for i, j in _pairs(len(means)):
            noise = count * _EPSILON * abs(squares[i][j])
            _check_sums(squares[i][j] - means[i] * means[j] * count, products, (i, j), noise)
        return cls(count=count, means=means, products=products)

    def __add__(self, other: Moments) -> Moments:
        if not isinstance(other, Moments):
            return NotImplemented
        if self.columns != other.columns:
            raise InvalidInput(
                f"moments of {self.columns} and of {other.columns} columns do not add"
            )
        if not (self.count and other.count):
            return self if self.count else other
        return self._joined(other)

    def _joined(self, other: Moments) -> Moments:
        count = self.count + other.count
        steps = [b - a for a, b in zip(self.means, other.means, strict=True)]
        share, weight = other.count / count, self.count * (other.count / count)
        return Moments(
            count=count,
            means=tuple(a + step * share for a, step in zip(self.means, steps, strict=True)),
            products=_symmetric(
                self.columns,
                lambda i, j: (
                    self.products[i][j] + other.products[i][j] + steps[i] * steps[j] * weight
                ),
            ),
        )

    def covariance(self, i: int, j: int) -> float:
        """Return the sample covariance of two columns, the variance when they are the same.

        Raises:
            InvalidInput: there are fewer than two units.
        """
        if self.count < 2:
            raise InvalidInput(
                f"a variance needs at least 2 units, and there are {self.count}",
                hint="Wait for more units, or leave this group out.",
            )
        return self.products[i][j] / (self.count - 1)

    def combined(self, rows: Sequence[Sequence[float]]) -> Moments:
        """Return the moments of weighted sums of the columns: one row of weights a new column."""
        return Moments(
            count=self.count,
            means=tuple(math.fsum(map(_times, row, self.means)) for row in rows),
            products=_symmetric(len(rows), lambda i, j: self._product(rows[i], rows[j])),
        )

    def _product(self, a: Sequence[float], b: Sequence[float]) -> float:
        terms = [
            weight * other * value
            for weight, row in zip(a, self.products, strict=True)
            for other, value in zip(b, row, strict=True)
        ]
        total, size = math.fsum(terms), max(map(abs, terms))
        # What is nothing but the rounding of its terms is no variation.
        return 0.0 if abs(total) <= 8 * _EPSILON * size else total


def _times(a: float, b: float) -> float:
    return a * b


def _centred(count: int, square: float, expected: float, *, of_column: bool) -> float:
    check_finite("a sum of products", square, expected)
    rest = square - expected
    if not of_column:
        return rest
    if abs(rest) <= 4 * _EPSILON * abs(square):
        return 0.0
    noise = count * _EPSILON * abs(square)
    if rest < -noise:
        raise InvalidInput(
            f"a sum of squares of {square!r} is below the {expected!r} that its sum implies"
        )
    if rest <= noise:
        raise InvalidInput(
            f"the variance of {count} values is lost in the rounding of their sum of squares",
            hint="Give centred moments instead, or subtract a constant from every value first.",
        )
    return rest


def _check_nothing(sums: Sequence[float], squares: Sequence[Row]) -> None:
    if any(sums) or any(any(row) for row in squares):
        raise InvalidInput("the sums of 0 units must be 0")


def _pairs(columns: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(columns) for j in range(i))


def _symmetric(columns: int, entry: Callable[[int, int], float]) -> tuple[Row, ...]:
    """Return the matrix of the entries, covariances held within what the variances allow."""
    squares = [max(0.0, entry(i, i)) for i in range(columns)]
    rows = [[0.0] * columns for _ in range(columns)]
    for i, square in enumerate(squares):
        rows[i][i] = square
    for i, j in _pairs(columns):
        bound = math.sqrt(squares[i]) * math.sqrt(squares[j])
        rows[i][j] = rows[j][i] = min(bound, max(-bound, entry(i, j)))
    return tuple(tuple(row) for row in rows)


def _check_sums(
    wanted: float, products: Sequence[Row], place: tuple[int, int], noise: float
) -> None:
    i, j = place
    slack = noise + 1e-6 * math.sqrt(products[i][i]) * math.sqrt(products[j][j])
    if abs(wanted - products[i][j]) > slack:
        raise InvalidInput(
            f"the sums of products imply a covariance of {wanted!r}, "
            f"beyond what the sums of squares allow"
        )


def _check_products(products: Sequence[Row]) -> None:
    for i, row in enumerate(products):
        if row[i] < 0:
            raise InvalidInput(f"a centred sum of squares is negative: {row[i]!r}")
    for i, j in _pairs(len(products)):
        bound = math.sqrt(products[i][i]) * math.sqrt(products[j][j])
        _check_covariance(products[i][j], products[j][i], bound)


def _check_covariance(here: float, there: float, bound: float) -> None:
    if abs(here - there) > 1e-9 * bound:
        raise InvalidInput(f"the products are not symmetric: {here!r} and {there!r}")
    if abs(here) > bound * (1 + 1e-6):
        raise InvalidInput(f"a centred product of {here!r} is beyond {bound!r}, its bound")
