// Hands the answer of the authorization endpoint to the page that asked, if it is the answer to
// its question (`state`, RFC 6749 §10.12) and came from this server (`iss`, RFC 9207 §2.4).
"use strict";

const answer = new URLSearchParams(location.search);
const problem = document.getElementById("problem");
const asked = window.opener?.swaggerUIRedirectOauth2;

function refuse(message) {
  asked.errCb({ authId: asked.auth.name, source: "auth", level: "error", message });
}

function judge() {
  if (answer.get("state") !== asked.state || answer.get("iss") !== problem.dataset.issuer) {
    refuse("This answer does not belong to the question. Please try again.");
  } else if (answer.has("code")) {
    delete asked.state;
    asked.auth.code = answer.get("code");
    asked.callback({ auth: asked.auth, redirectUrl: asked.redirectUrl });
  } else {
    refuse(`${answer.get("error")}: ${answer.get("error_description") ?? "no code came."}`);
  }
}

if (asked) {
  judge();
  window.close();
} else {
  problem.textContent = "No page waits for this answer. Open the API's page and try again.";
}
