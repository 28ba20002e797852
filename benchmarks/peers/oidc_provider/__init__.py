"""npm's oidc-provider: `server.mjs`, its adapter for PostgreSQL, and how they are started."""
