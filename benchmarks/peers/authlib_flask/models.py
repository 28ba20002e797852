"""What Authlib keeps, by its own SQLAlchemy mixins (docs: Flask OAuth 2.0 Provider, "Client",
"Token" and "Authorization Code" of the sections on the authorization server and its grants).
"""

import json
import os

from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
)
from sqlalchemy import ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, scoped_session
from sqlalchemy.orm import sessionmaker as make_sessions

THREADS = 16

engine = create_engine(
    os.environ["BENCH_DATABASE"].replace("postgresql://", "postgresql+psycopg://"),
    pool_size=THREADS,
)
session = scoped_session(make_sessions(engine))


class Base(DeclarativeBase):
    """The tables."""


class User(Base):
    """A person."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)

    def get_user_id(self) -> int:
        """As Authlib asks for it."""
        return self.id


class Client(Base, OAuth2ClientMixin):
    """An app."""

    __tablename__ = "oauth2_client"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)


class Code(Base, OAuth2AuthorizationCodeMixin):
    """An authorization code."""

    __tablename__ = "oauth2_code"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    user: Mapped[User] = relationship()


class Token(Base, OAuth2TokenMixin):
    """An access token and its refresh token."""

    __tablename__ = "oauth2_token"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    user: Mapped[User | None] = relationship()


def prepare() -> None:
    """Make the tables, Alice and her app."""
    Base.metadata.create_all(engine)
    given = json.loads(os.environ["BENCH_APP"])
    client = Client(client_id=given["client_id"], client_secret=given["client_secret"])
    client.set_client_metadata(
        {
            "client_name": "Photos",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "redirect_uris": [given["redirect_uri"]],
            "response_types": ["code"],
            "scope": given["scope"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    session.add_all([User(name="alice"), client])
    session.commit()
    session.remove()


if __name__ == "__main__":
    prepare()
