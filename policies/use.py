"""Facts about the use: what the policy says, and what a caller may say over it. Pure."""

from policies.factors import NEUTRAL, PURPOSES
from policies.model import Use


def combine_use(base: Use, declared: Use, *, may_declare: bool) -> Use:
    """The use a request is judged under; what `declared` leaves open (None, `unknown`) stays as in `base`.

    Unless the caller may declare, purpose and commercial are taken only where they speak more against fair use than
    `base` does, and the use is then not trusted, so that no rule heeds them. A purpose that no table knows is neutral.
    The tenant is that of `declared`.
    """
    purpose, commercial = base.purpose, base.commercial
    if declared.purpose != "unknown" and (may_declare or _against(declared.purpose) > _against(purpose)):
        purpose = declared.purpose
    if declared.commercial is not None and (may_declare or declared.commercial):
        commercial = declared.commercial
    return Use(
        purpose=purpose,
        commercial=commercial,
        audience=declared.audience or base.audience,
        project_license=declared.project_license or base.project_license,
        tenant=declared.tenant,
        trusted=may_declare or (purpose, commercial) == (base.purpose, base.commercial),
    )


def _against(purpose: str) -> float:
    return PURPOSES.get(purpose, NEUTRAL)
