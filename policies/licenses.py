"""Classes of licences, by SPDX identifier or expression; https://spdx.org/licenses/."""

from typing import Final, Literal, TypeAlias, get_args

LicenseClass: TypeAlias = Literal[
    "public-domain", "permissive", "weak-copyleft", "strong-copyleft", "non-commercial", "proprietary", "unknown"
]
CLASSES: Final[tuple[LicenseClass, ...]] = get_args(LicenseClass)

_EXACT: Final[dict[str, LicenseClass]] = {
    **dict.fromkeys(("cc0-1.0", "pdm-1.0", "unlicense", "0bsd", "wtfpl", "cc-pddc"), "public-domain"),
    **dict.fromkeys(("mit", "mit-0", "isc", "zlib", "x11", "psf-2.0", "python-2.0", "bsl-1.0", "ncsa"), "permissive"),
}
# First that fits; longer names stand before their prefixes.
_PREFIXES: Final[tuple[tuple[str, LicenseClass], ...]] = (
    ("cc-by-nc", "non-commercial"),
    ("polyform-noncommercial", "non-commercial"),
    ("cc-by-sa", "strong-copyleft"),
    ("cc-by-nd", "proprietary"),
    ("cc-by", "permissive"),
    ("apache", "permissive"),
    ("bsd", "permissive"),
    ("artistic", "permissive"),
    ("lgpl", "weak-copyleft"),
    ("mpl", "weak-copyleft"),
    ("epl", "weak-copyleft"),
    ("cddl", "weak-copyleft"),
    ("agpl", "strong-copyleft"),
    ("gpl", "strong-copyleft"),
    ("gfdl", "strong-copyleft"),
    ("eupl", "strong-copyleft"),
    ("osl", "strong-copyleft"),
    ("licenseref-", "proprietary"),
    ("proprietary", "proprietary"),
)


def license_class(license_id: str | None) -> LicenseClass:
    """The class of a licence; `unknown` for none and for one that no table names.

    Of an expression: the most permissive of its alternatives (`OR`), each as strict as its strictest part (`AND`); one
    with parentheses inside is taken to be as strict as its strictest part.
    """
    if license_id is None:
        return "unknown"
    name = license_id.casefold().strip()
    if " " not in name:
        return _class(name)
    name = name.removeprefix("(").removesuffix(")") if name.count("(") == 1 else name
    nested = "(" in name or ")" in name
    ways = [name.replace(" or ", " and ")] if nested else name.split(" or ")
    parts = [[_class(part.strip("( )").split(" ")[0]) for part in way.split(" and ")] for way in ways]
    return min([max(way, key=CLASSES.index) for way in parts], key=CLASSES.index)


def permissiveness(license_id: str | None) -> int:
    """Place among the classes, the most permissive first."""
    return CLASSES.index(license_class(license_id))


def _class(name: str) -> LicenseClass:
    if name in _EXACT:
        return _EXACT[name]
    return next((found for prefix, found in _PREFIXES if name.startswith(prefix)), "unknown")
