// Sells one thing: starts a payment, waits for its outcome, stores it, acknowledges it. After a crash, start it again with the same
// reference, however late: it finds the same payment and never charges twice.
// Usage: npm install && node till.mjs ws://127.0.0.1:7654/v1/till TOKEN REFERENCE CENTS
import { openSync, writeSync, fsyncSync, closeSync } from "node:fs";
import WebSocket from "ws";

const [url, token, reference, cents] = process.argv.slice(2);
if (!cents) {
  console.error("usage: node till.mjs URL TOKEN REFERENCE CENTS");
  process.exit(2);
}

let done = false, kept = "";

function store(p) {
  const f = openSync(`${p.id}.outcome`, "w", 0o600);
  writeSync(f, JSON.stringify(p) + "\n");
  fsyncSync(f); // on the disk before we acknowledge
  closeSync(f);
  kept = p.id;
}

function connect() {
  const ws = new WebSocket(url, ["kiosk-till.v1"], { headers: { Authorization: `Bearer ${token}` } });
  const call = (id, method, params) => ws.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));

  ws.on("open", () => call("start", "payment.start", { reference, amount: Number(cents) }));
  ws.on("message", (text) => {
    const m = JSON.parse(text);
    const p = m.params?.payment ?? m.error?.data?.payment ?? (m.id === "start" ? m.result : undefined);
    const ours = p?.reference === reference && p.amount === Number(cents); // others' come in outline, without a reference
    if (ours && !m.error) console.log(p.id, p.status);
    if (ours && p.final && !p.acknowledged) { // even refused: that sale was ours, and we had not heard how it ended
      store(p);
      call("ack", "payment.acknowledge", { id: p.id, revision: p.revision });
    } else if (m.error && p?.id !== kept) {
      console.error(`${m.error.code} ${m.error.message}: ${m.error.data?.hint}`);
      process.exitCode = 1;
      done = true;
      ws.close();
    } else if (m.error || m.id === "ack") { // a refusal: acknowledged, and the answer was lost
      done = true;
      ws.close();
    }
  });
  ws.on("error", (e) => console.error(e.message));
  ws.on("close", () => done || setTimeout(connect, 1000)); // what is owed is sent again
}

connect();
