"""Facts about the use: what the policy says, and what a caller may say over it. Pure."""

from dataclasses import replace

from policies.factors import NEUTRAL, PURPOSES
from policies.model import Use


def combine_use(base: Use, declared: Use, *, may_declare: bool) -> Use:
    """The use a request is judged under; what `declared` leaves open (None, `unknown`) stays as in `base`.

    Unless the caller may declare, a declaration counts only where it speaks against fair use.
    """
    purpose, commercial = base.purpose, base.commercial
    if declared.purpose != "unknown":
        worse = PURPOSES.get(declared.purpose, NEUTRAL) > PURPOSES.get(base.purpose, NEUTRAL)
        purpose = declared.purpose if may_declare or worse else base.purpose
    if declared.commercial is not None and (may_declare or declared.commercial):
        commercial = declared.commercial
    return replace(
        declared,
        purpose=purpose,
        commercial=commercial,
        audience=declared.audience or base.audience,
        project_license=declared.project_license or base.project_license,
    )
