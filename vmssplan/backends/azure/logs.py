"""What azure-core may log of a request and its answer: no header that can hold a secret.

azure-core logs neither bodies nor tokens, and of queries only the api-version. Its list of
headers has one that quotes what a client sent, `WWW-Authenticate`; that one is left out here.
"""

from __future__ import annotations

from azure.mgmt.core.policies import ARMHttpLoggingPolicy


class CleanLoggingPolicy(ARMHttpLoggingPolicy):
    """The SDK's own, with a shorter list of headers."""

    DEFAULT_HEADERS_ALLOWLIST = ARMHttpLoggingPolicy.DEFAULT_HEADERS_ALLOWLIST - {
        "WWW-Authenticate"
    }
