"""Classes of licences."""

import pytest

from policies.licenses import license_class, permissiveness


@pytest.mark.parametrize(
    ("license_id", "expected"),
    [
        (None, "unknown"),
        ("", "unknown"),
        ("Foo-1.0", "unknown"),
        ("CC0-1.0", "public-domain"),
        ("pdm-1.0", "public-domain"),
        ("MIT", "permissive"),
        ("Apache-2.0", "permissive"),
        ("BSD-3-Clause", "permissive"),
        ("BSL-1.0", "permissive"),
        ("BUSL-1.1", "unknown"),
        ("CC-BY-4.0", "permissive"),
        ("CC-BY-SA-4.0", "strong-copyleft"),
        ("CC-BY-NC-SA-4.0", "non-commercial"),
        ("CC-BY-ND-4.0", "proprietary"),
        ("LGPL-2.1-or-later", "weak-copyleft"),
        ("MPL-2.0", "weak-copyleft"),
        ("GPL-3.0-only", "strong-copyleft"),
        ("AGPL-3.0-only", "strong-copyleft"),
        ("LicenseRef-Publisher", "proprietary"),
        ("GPL-2.0-only OR MIT", "permissive"),
        ("MIT AND GPL-2.0-only", "strong-copyleft"),
        ("(MIT OR Apache-2.0) AND CC-BY-4.0", "permissive"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "strong-copyleft"),
        ("(MIT OR GPL-2.0-only)", "permissive"),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", "strong-copyleft"),
        ("OR", "unknown"),
    ],
)
def test_a_licence_has_a_class(license_id: str | None, expected: str) -> None:
    assert license_class(license_id) == expected


def test_the_more_permissive_stands_first() -> None:
    several = ["MIT", None, "GPL-3.0-only", "CC0-1.0", "LicenseRef-X", "MPL-2.0", "CC-BY-NC-4.0"]
    assert sorted(several, key=permissiveness) == [
        "CC0-1.0",
        "MIT",
        "MPL-2.0",
        "GPL-3.0-only",
        "CC-BY-NC-4.0",
        "LicenseRef-X",
        None,
    ]
