"""Seal what a sign-in must remember, for sessions that are signed and not encrypted.

What is not ours, or older than ten minutes, is as nothing: SignInMismatch.
"""

import os

from cryptography.fernet import Fernet, InvalidToken

from flextell_sdk import Remembered

TEN_MINUTES = 600

key = Fernet(os.environ["SIGN_IN_KEY"])


def sealed(remembered: Remembered) -> str:
    return key.encrypt(remembered.to_text().encode()).decode()


def unsealed(text: str) -> Remembered:
    try:
        text = key.decrypt(text, TEN_MINUTES).decode()
    except InvalidToken:
        text = ""
    return Remembered.from_text(text)
