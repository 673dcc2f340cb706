// Why does this page get no connection to the agent? To be put beside a till's page: load it
// first, call diagnose(url, closeEvent) after the WebSocket has ended, and pending() when it takes
// long to open.
//
// A WebSocket that failed says 1006, whatever it was. The agent's own no comes as a close code;
// what the browser forbids is seen in the page's permission; and any answer to plain HTTP, readable
// or not, proves that the agent is there. What cannot be told apart is named together.
//
// The answer has a kind ("down": nobody answers, "refused": the agent says no, "forbidden": the
// browser does not let this page), a title, steps for the person at the till, with `this` to be
// copied, and in said the agent's own words.
"use strict";

const permissions = ["loopback-network", "local-network-access"]; // Chrome from 145; 142 to 144

const blocked = []; // by the page's Content-Security-Policy
addEventListener("securitypolicyviolation", (e) => {
  if (e.effectiveDirective === "connect-src") blocked.push(e.blockedURI);
});

// permission is "granted", "denied", "prompt" or, where the browser has none for this, "unknown".
async function permission() {
  for (const name of permissions) {
    try {
      return (await navigator.permissions.query({ name })).state;
    } catch { /* not known here */ }
  }
  return "unknown";
}

// asked: somebody may have to answer the browser's question. A page of this machine is let in
// unasked.
async function asked() {
  return !/^(localhost|127[.].*|\[::1\])$/.test(location.hostname) &&
    await permission() === "prompt";
}

// pending is for a connection that has neither opened nor ended for a while; undefined when the
// browser is not what it waits for.
async function pending() {
  if (await asked()) {
    return { kind: "forbidden", title: "The browser asks whether this page may reach this device",
      steps: ["Look for its question beside the address, and allow it."] };
  }
}

// framed: the frame that this page is in, or a header, keeps the permission from it.
function framed() {
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  const known = permissions.filter((name) => policy?.features().includes(name));
  return known.length > 0 && !known.some((name) => policy.allowsFeature(name));
}

// outermost is the origin that the permission belongs to: of the page around all frames.
function outermost() {
  return [location.origin, ...location.ancestorOrigins ?? []].at(-1);
}

async function answers(http) {
  try {
    await fetch(http, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(3000) });
    return true;
  } catch {
    return false;
  }
}

// refusal is the agent's own no; undefined when it has said nothing.
function refusal({ code, reason: said }) {
  const no = (title, ...steps) => ({ kind: "refused", title, steps, said });
  switch (code) {
    case 4401:
      return no("The agent does not know this token",
        "Paste the content of the file that `till.websocket.tills` names for this till.");
    case 4403:
      return no("The agent does not allow this page",
        `Add \`${location.origin}\` to \`allowed_origins\` below \`[till.websocket]\`, exactly so.`,
        "Then: `systemctl restart kiosk-agent`");
    case 4503:
      return no("The agent has too many connections, or another window of this till came",
        "Close the other windows of this till. This page tries again by itself.");
  }
}

async function diagnose(url, end) {
  const at = new URL(url), ws = `${at.protocol}//${at.host}`;
  const http = ws.replace("ws", "http") + at.pathname;
  const forbidden = (...steps) =>
    ({ kind: "forbidden", title: "The browser does not let this page reach the agent", steps });

  const no = refusal(end);
  if (no) return no;
  if (blocked.some((uri) => uri.startsWith(ws))) {
    return forbidden("The page's own Content-Security-Policy forbids it: add " +
      `\`${ws}\` to its \`connect-src\`.`);
  }
  if (await answers(http)) {
    return { kind: "refused", title: "The agent is there and gives no connection", steps: [
      "Its log says why: `journalctl -u kiosk-agent`",
      `Is \`${at.host}\` another name than this machine's? Then \`hosts\` must have it.`] };
  }
  if (framed()) {
    return forbidden('The frame around this page needs `allow="loopback-network"`, and no header ' +
      "`Permissions-Policy` may forbid it.");
  }
  if (await permission() === "denied" && isSecureContext) {
    return forbidden(
      "A kiosk's browser needs the policy `LoopbackNetworkAllowedForUrls` with " +
      `\`${outermost()}\``,
      "`kiosk-agent init --till-origin` writes it; INTEGRATION.md, “A page on the internet”, has " +
      "it for each browser.",
      "Where a person sits: open the sign beside the address, and allow this page to reach this " +
      "device.");
  }
  const steps = ["Does it run? `kiosk-agent doctor` on its machine says what is wrong.",
    "Is the address right? It is `till.websocket.listen` of its configuration."];
  let title = `No agent answers at ${at.host}`;
  if (!isSecureContext) {
    title += ", or the browser forbids it";
    steps.push("A page from the internet must come by https: by plain http, browsers let none " +
      "reach this device.");
  } else if (await asked()) {
    steps.push("Does the browser ask whether this page may reach this device? Allow it.");
  }
  if (at.protocol === "wss:") {
    steps.push(`Open \`${http}\` in a tab: where the certificate is wrong, the browser says how.`);
  }
  return { kind: "down", title, steps };
}
