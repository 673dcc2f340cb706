// Sells one thing: starts a payment, waits for its outcome, stores it, acknowledges it. After a crash, start it again with the same
// reference: it finds the same payment and never charges twice.
// Usage: npm install && node till.mjs ws://127.0.0.1:7654/v1/till TOKEN REFERENCE CENTS
import { openSync, writeSync, fsyncSync, closeSync } from "node:fs";
import WebSocket from "ws";

const [url, token, reference, cents] = process.argv.slice(2);
if (!cents) {
  console.error("usage: node till.mjs URL TOKEN REFERENCE CENTS");
  process.exit(2);
}

let done = false;

function store(p) {
  const f = openSync(`${p.id}.outcome`, "w", 0o600);
  writeSync(f, JSON.stringify(p) + "\n");
  fsyncSync(f); // on the disk before we acknowledge
  closeSync(f);
}

function connect() {
  const ws = new WebSocket(url, ["kiosk-till.v1"], { headers: { Authorization: `Bearer ${token}` } });
  const call = (id, method, params) => ws.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));

  ws.on("open", () => call("start", "payment.start", { reference, amount: Number(cents) }));
  ws.on("message", (text) => {
    const m = JSON.parse(text);
    if (m.error) {
      console.error(`${m.error.code} ${m.error.message}: ${m.error.data.hint}`);
      process.exitCode = 1;
      done = true;
      return ws.close();
    }
    if (m.id === "ack") {
      done = true;
      return ws.close();
    }
    const p = m.method === "payment.changed" ? m.params.payment : m.id === "start" ? m.result : null;
    if (!p) return; // terminal.changed
    console.log(p.id, p.status);
    if (p.final && p.reference === reference) { // others' payments come in outline, without a reference
      store(p);
      call("ack", "payment.acknowledge", { id: p.id, revision: p.revision });
    }
  });
  ws.on("error", (e) => console.error(e.message));
  ws.on("close", () => done || setTimeout(connect, 1000)); // what is owed is sent again
}

connect();
