"""Is this checkpoint what it says it is? Self-checks, and published numbers where some are known."""

from hf_dnalm.verification.checks import Check
from hf_dnalm.verification.run_checks import Verification, verify

__all__ = ["Check", "Verification", "verify"]
