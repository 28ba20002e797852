// npm's oidc-provider as a server of a run. Usage: node server.mjs CONFIGURATION
//
// CONFIGURATION: JSON {port, database, algorithm, client_id, client_secret, redirect_uri, scope,
// resource}; without a database the models are kept by its own adapter, in memory. Set up as
// its documentation says (docs/README.md): "adapter", "features.resourceIndicators" for JWT access
// tokens, "rotateRefreshToken", "issueRefreshToken", and an interaction of our own, in which Alice
// signs in and allows at once.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import pg from "pg";
import { makeTable, postgresAdapter } from "./postgres_adapter.mjs";

const CONNECTIONS = 16;
const HOUR = 3600;
const DAY = 24 * HOUR;
const given = JSON.parse(process.argv[2]);

const jwk = (kid, alg, type, options) => {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
};

const storage = async () => {
  if (!given.database) return {};
  const pool = new pg.Pool({ connectionString: given.database, max: CONNECTIONS });
  await makeTable(pool);
  return { adapter: postgresAdapter(pool) };
};

const configuration = {
  ...(await storage()),
  clients: [
    {
      client_id: given.client_id,
      client_secret: given.client_secret,
      redirect_uris: [given.redirect_uri],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      // The resource's scopes, and the same without a resource, for tokens to introspect.
      scope: given.scope,
    },
  ],
  scopes: given.scope.split(" "),
  jwks: {
    keys: [
      jwk("es256", "ES256", "ec", { namedCurve: "P-256" }),
      jwk("rs256", "RS256", "rsa", { modulusLength: 2048 }),
    ],
  },
  cookies: { keys: ["a key that signs the cookies of this run"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: {
      enabled: true,
      allowedPolicy: (_, client, token) => token.clientId === client.clientId,
    },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: given.scope,
        accessTokenTTL: HOUR,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: given.algorithm } },
      }),
    },
  },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  pkce: { required: () => true },
  // By default only public clients' tokens are rotated each time.
  rotateRefreshToken: true,
  // By default it does so for the scope offline_access alone, which takes the person's consent.
  issueRefreshToken: () => true,
  ttl: {
    AccessToken: HOUR,
    ClientCredentials: HOUR,
    Grant: 14 * DAY,
    Interaction: HOUR,
    RefreshToken: 30 * DAY,
    Session: 14 * DAY,
  },
};

const allow = async (provider, request, response) => {
  const { grantId, params } = await provider.interactionDetails(request, response);
  const login = { accountId: "alice" };
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: login.accountId, clientId: params.client_id });
  grant.addOIDCScope(given.scope);
  grant.addResourceScope(given.resource, given.scope);
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { login, consent });
};

const provider = new Provider(`http://127.0.0.1:${given.port}`, configuration);
const answer = provider.callback();
createServer((request, response) =>
  request.url.startsWith("/interaction/")
    ? allow(provider, request, response)
    : answer(request, response),
).listen(given.port, "127.0.0.1");
