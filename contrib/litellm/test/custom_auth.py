"""Virtual keys without a LiteLLM database: as LiteMaaS makes them, one user and one team a key."""

from __future__ import annotations

from fastapi import Request
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

ALICE = "5b0b7c1e-6f0a-4c0e-9a53-0d9a6f1f2a11"
BOB = "8d1f2c70-1f3e-4f0a-a8b7-2f6f5f0c9b22"
STRANGER = "3c9a4f10-77aa-4a57-9d11-52d0a8e1c077"  # LiteMaaS does not know this user
TEAM = "a0000000-0000-4000-8000-000000000001"

KEYS = {
    "sk-test-alice": ALICE,
    "sk-test-bob": BOB,
    "sk-test-stranger": STRANGER,
    # A key that does not begin with "sk-": LiteLLM puts the key itself where its hash belongs.
    "plain-credential-of-bob": BOB,
}


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    user = KEYS.get(api_key)
    if user is None:
        raise ProxyException(message="Authentication Error", type="auth_error", param="key", code=401)
    role = LitellmUserRoles.INTERNAL_USER
    return UserAPIKeyAuth(api_key=api_key, user_id=user, user_email="person@example.com", team_id=TEAM, user_role=role)
