// The connection to the agent: reconnects by itself, half a second after the first failure and at most five seconds apart.
const FIRST_MS = 500;
const MAX_MS = 5000;
const MOVED = 4001;

export class Link {
  // hello() gives the first message; on(message) gets every message; moved() is called when a newer display took over.
  constructor({ hello, on, moved }) {
    Object.assign(this, { hello, on, moved, wait: FIRST_MS, failures: 0, socket: null, opened: -Infinity });
  }

  open() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, 'kiosk-display.v1');
    this.socket = socket;
    this.opened = performance.now();
    socket.onopen = () => {
      this.failures = 0;
      this.send(this.hello());
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.wait = FIRST_MS;
      this.on(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (event.code === MOVED) this.giveWay();
      else this.again();
    };
  }

  // abandon leaves a connection that has gone quiet without waiting for its close handshake.
  abandon() {
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    socket.close();
    this.again();
  }

  again() {
    this.failures++;
    if (this.failures % 4 === 0) checkSignedIn();
    setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 2, MAX_MS);
  }

  // giveWay never fights for the place: it comes back only when no display is there any more.
  giveWay() {
    this.moved();
    const timer = setInterval(async () => {
      const answer = await fetch('/vacant').then((r) => r.json()).catch(() => null);
      if (!answer || !answer.vacant || this.socket) return;
      clearInterval(timer);
      this.open();
    }, MAX_MS);
  }

  send(message) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}

// A socket does not tell why it was refused. When the token has changed, the reloaded page says what to do.
async function checkSignedIn() {
  const answer = await fetch('/', { method: 'HEAD' }).catch(() => null);
  if (answer && answer.status === 401) location.reload();
}
