// Starts Swagger UI on our document. It signs in by our own code flow with PKCE (RFC 7636), and
// keeps the tokens in the memory of this page: gone when it is closed or loaded again.
"use strict";

const place = document.getElementById("console");
const { issuer, clientId, redirectUri, scopes } = place.dataset;

// The document names the issuer as its server, and the policy lets us call our own origin only.
document.querySelector(".elsewhere").hidden = location.origin === issuer;

// Swagger UI has colours for the dark, but leaves it to the page when to use them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const ui = SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  displayOperationId: true,
  displayRequestDuration: true,
  filter: true,
  oauth2RedirectUrl: redirectUri,
  persistAuthorization: false,
  validatorUrl: null,
});
ui.initOAuth({ clientId, scopes, usePkceWithAuthorizationCodeGrant: true });
