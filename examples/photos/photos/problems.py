"""What can go wrong, and how each case is explained to the person."""

from typing import Literal, NamedTuple

Kind = Literal[
    "denied",
    "state",
    "issuer",
    "malformed",
    "authorization",
    "token",
    "ended",
    "revocation",
    "metadata",
    "unreachable",
    "storage",
    "stale_form",
]


class Problem(Exception):
    """Something we explain instead of doing it. `detail` may be shown; it never holds a secret."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind: Kind = kind
        self.detail = detail


class Explanation(NamedTuple):
    """A page's status, title, what happened, what it means for you."""

    status: int
    title: str
    happened: str
    means: str


EXPLANATIONS: dict[Kind, Explanation] = {
    "denied": Explanation(
        200,
        "You said no; nothing was shared",
        "You pressed Deny at Flextell, so Photos got no token and has seen none of your data.",
        "You can connect at any later time, or never. Photos works without it.",
    ),
    "state": Explanation(
        400,
        "This answer does not belong to a question we asked",
        "Photos sends a random number (state) to Flextell and expects it back, once, in the same "
        "browser. Here it is missing, used up, too old or made for another browser.",
        "The answer was not used. If you took more than ten minutes or reloaded this page, simply "
        "connect again. If you did not press Connect, someone tried to sign you in with "
        "an account of theirs, and did not succeed.",
    ),
    "issuer": Explanation(
        400,
        "This answer comes from someone else",
        "The answer does not name the Flextell server that we asked (parameter iss, RFC 9207).",
        "The answer was not used: handing its code to Flextell could mix up two servers.",
    ),
    "malformed": Explanation(
        400,
        "This answer is not complete",
        "The answer has neither a code nor an error, or says something twice.",
        "The answer was not used. Please connect again.",
    ),
    "authorization": Explanation(
        400,
        "Flextell did not accept our question",
        "Flextell sent you back with an error instead of a code.",
        "Nothing was shared. The text below is for the people who make Photos.",
    ),
    "token": Explanation(
        502,
        "Flextell did not give us tokens",
        "We handed the code or the refresh token to Flextell's token endpoint and were refused.",
        "Nothing new was stored. The text below is for the people who make Photos.",
    ),
    "ended": Explanation(
        401,
        "Your connection to Flextell has ended",
        "Flextell no longer accepts our refresh token: it expired, was revoked or was replaced.",
        "Photos has deleted its copy of the tokens. Connect again to go on.",
    ),
    "revocation": Explanation(
        502,
        "Flextell did not confirm the disconnection",
        "We asked Flextell to revoke the tokens, and it did not say that it did.",
        "You are still connected, so that you can try again. You can also remove Photos "
        "in your Flextell account.",
    ),
    "metadata": Explanation(
        502,
        "We do not trust this server's description",
        "Flextell's metadata document does not describe the server that Photos is set up for.",
        "Nothing was sent there. The text below is for the people who run Photos.",
    ),
    "unreachable": Explanation(
        502,
        "Flextell cannot be reached",
        "Photos could not talk to Flextell, or did not trust its certificate.",
        "Nothing is lost: your tokens are kept as they were. Please try again.",
    ),
    "storage": Explanation(
        500,
        "Photos could not store your tokens",
        "Our disk did not take the new tokens, and we use none that would not survive a restart.",
        "What was stored before is unchanged. Please try again later.",
    ),
    "stale_form": Explanation(
        403,
        "That button was not from this page",
        "Each button carries a number that only this page and your browser know. "
        "It did not come along.",
        "Nothing was done. Go back to the start and press the button again.",
    ),
}
