// openid-client, unchanged, goes the whole way. Usage: node openid_client.mjs CONFIGURATION
//
// CONFIGURATION: JSON {issuer, client_id, client_secret, auth, redirect_uri, scope}. The first line
// written is where the person has to go; the line read then is where the browser was sent back to.
// The second line written is what came out of it: the id_token's claims, every answer, every refusal.

import { createInterface } from "node:readline";
import * as client from "openid-client";

const given = JSON.parse(process.argv[2]);
const proofs = {
  basic: () => client.ClientSecretBasic(given.client_secret),
  post: () => client.ClientSecretPost(given.client_secret),
  none: () => client.None(),
};
const say = (value) => console.log(JSON.stringify(value));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function refusalOf(attempt) {
  try {
    await attempt;
  } catch (error) {
    const challenge = Array.isArray(error.cause) ? error.cause[0] : undefined;
    return {
      code: error.code,
      status: error.status,
      error: error.error ?? challenge?.parameters.error,
      scheme: challenge?.scheme,
    };
  }
  throw new Error("it was not refused");
}

const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  undefined,
  proofs[given.auth](),
  // The id_token came over TLS, so by default its signature is not looked at.
  { execute: [client.enableNonRepudiationChecks] },
);

const checks = {
  pkceCodeVerifier: client.randomPKCECodeVerifier(),
  expectedState: client.randomState(),
  expectedNonce: client.randomNonce(),
  idTokenExpected: true,
  maxAge: 60,
};
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: given.redirect_uri,
  scope: given.scope,
  state: checks.expectedState,
  nonce: checks.expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
  code_challenge_method: "S256",
});
say(address.href);

const landed = new URL((await lines.next()).value);
// An answer that seems to come from another server must be refused before any code is sent.
const foreign = new URL(landed);
foreign.searchParams.set("iss", "https://elsewhere.example");
const mixedUp = await refusalOf(client.authorizationCodeGrant(config, foreign, checks));

if (landed.searchParams.has("error")) {
  say({ mixedUp, denied: await refusalOf(client.authorizationCodeGrant(config, landed, checks)) });
  process.exit();
}

const first = await client.authorizationCodeGrant(config, landed, checks);
const claims = first.claims();

async function read(token, path) {
  const url = new URL(path, given.issuer);
  const answer = await client.fetchProtectedResource(config, token, url, "GET");
  return { status: answer.status, body: await answer.json() };
}

const tenants = await read(first.access_token, "/api/v1/account/tenants");
const second = await client.refreshTokenGrant(config, first.refresh_token);
const customers = await read(second.access_token, "/api/v1/customers");
const asks = given.auth !== "none";
const told = asks && (await client.tokenIntrospection(config, second.access_token));
await client.tokenRevocation(config, second.refresh_token);
say({
  claims,
  first,
  second,
  tenants,
  customers,
  told,
  mixedUp,
  toldAfterwards: asks && (await client.tokenIntrospection(config, second.access_token)),
  apiAfterwards: await refusalOf(read(second.access_token, "/api/v1/customers")),
  refreshAfterwards: await refusalOf(client.refreshTokenGrant(config, second.refresh_token)),
});
process.exit();
