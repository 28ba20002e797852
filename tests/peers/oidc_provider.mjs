// npm's oidc-provider as the server. Usage: node oidc_provider.mjs CONFIGURATION
//
// CONFIGURATION: JSON {issuer, certificate_file, key_file, redirect_uri, secret,
// access_token_seconds}. The first line written is the port that it listens on. Each line read then
// is an access token that it is to forget, and answered with a line; it ends with its input. People
// sign in at its own development pages, where any name and password will do.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

// Its notices would stand among our answers.
console.info = console.error;

const given = JSON.parse(process.argv[2]);

const client = (client_id, proof) => ({
  client_id,
  redirect_uris: [given.redirect_uri],
  grant_types: ["authorization_code", "refresh_token"],
  ...proof,
});

const provider = new Provider(given.issuer, {
  clients: [
    client("photos", { client_secret: given.secret }),
    client("photos-phone", { token_endpoint_auth_method: "none" }),
  ],
  claims: { openid: ["sub"], profile: ["name"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: id.toUpperCase() }) }),
  features: {
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  // By default only public clients' tokens are rotated each time.
  rotateRefreshToken: true,
  // By default it does so for the scope offline_access alone, which takes the person's consent.
  issueRefreshToken: () => true,
  ttl: { AccessToken: given.access_token_seconds },
});

const files = { cert: readFileSync(given.certificate_file), key: readFileSync(given.key_file) };
const server = createServer(files, provider.callback());
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

// Its revocation endpoint would end the refresh token with it.
for await (const token of createInterface({ input: process.stdin })) {
  await (await provider.AccessToken.find(token)).destroy();
  console.log("forgotten");
}
process.exit();
