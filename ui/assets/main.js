// The page's own rule: nothing payable without an agent that was heard in the last three seconds, and none after the deadline.
import { Link } from './link.js';
import { draftCode, fits, measure } from './code.js';
import { build, prepare, setClock, settle, showChoice, showNotice, showPay } from './view.js';

const DEAD_MS = 3000;
// ASK_MS is how long the page hears nothing before it asks for a sign of life. While something is for sale it never comes to that: then
// the agent sends a beat each second. At rest one question wakes the agent, where a beat and its answer would do so twice.
const ASK_MS = 2000;
const REST_DEAD_MS = 4000; // where the screen says nothing that a customer acts on

let screen = null;   // what the agent wants shown
let until = 0;       // end of the countdown, on performance.now()'s clock
let heard = -Infinity;
let asked = -Infinity;
let showing = 'wait'; // what is painted

const link = new Link({
  hello: () => ({ type: 'hello', ...measure() }),
  on: receive,
  moved: () => { screen = null; paint('moved'); },
});

function receive(message) {
  heard = performance.now();
  switch (message.type) {
    case 'snapshot':
      if (message.build !== build) { location.reload(); return; }
      // falls through
    case 'screen':
      screen = message;
      until = heard + (message.remaining_ms ?? Infinity);
      paint();
      break;
    case 'beat':
      link.send({ type: 'alive', n: message.n });
      // A beat may only shorten a countdown: one that was delayed would lengthen it.
      if (screen && message.seq === screen.seq && message.remaining_ms !== undefined) until = Math.min(until, heard + message.remaining_ms);
      watch();
      break;
  }
}

// deadAfter is how long what the agent wants shown outlives the agent.
function deadAfter() {
  return screen && (screen.kind === 'idle' || screen.kind === 'out_of_service') ? REST_DEAD_MS : DEAD_MS;
}

// due is what should be on the screen now.
function due() {
  if (!screen || performance.now() - heard >= deadAfter()) return 'wait';
  if (performance.now() >= until) return screen.kind === 'choose' ? 'wait' : 'checking';
  return screen.kind;
}

function paint(kind = due()) {
  const code = kind === 'pay' ? draftCode(screen.qr) : null; // first: it reads the layout
  if (kind === 'pay' && !code) kind = 'wait';
  showing = kind;
  if (counting()) tickClock(); // before type is fitted: a clock without its time is lower
  if (kind === 'wait' || kind === 'moved') showNotice(kind);
  else if (kind === 'out_of_service' && screen.reason === 'code_too_small') showNotice('too_small', screen);
  else if (kind === 'choose') showChoice(screen, choose);
  else if (kind === 'pay') showPay(screen, code);
  else showNotice(kind, screen);
  if (counting()) nextSecond();
  confirm();
}

// confirm reports a screen after its second frame: then it has been painted. A hidden page gets no frames and confirms nothing.
function confirm() {
  const seq = screen ? screen.seq : 0;
  const kind = showing;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (screen && seq === screen.seq && kind === showing) report(kind);
  }));
}

function report(kind) {
  if (!screen) return;
  link.send({ type: 'shown', seq: screen.seq, kind, payment: screen.payment || '', revision: screen.revision || 0, ...measure() });
}

// choose tells the agent what the customer has touched. It returns false when the screen is not the one that was touched any more.
function choose(scheme) {
  if (showing !== 'choose' || due() !== 'choose') return false;
  link.send({ type: 'choose', seq: screen.seq, payment: screen.payment, scheme });
  return true;
}

function tickClock() { setClock(until - performance.now(), screen.total_ms || 0); }

// watch is the dead man's switch. It compares times and never counts ticks, so a throttled or frozen page is right at once when it
// runs again; it is called by timers, by beats and by whatever wakes a page up.
function watch() {
  if (showing === 'moved') return;
  const kind = due();
  if (kind !== showing && !(kind === 'pay' && !fits(screen.qr))) paint(kind);
  if (counting()) tickClock();
  const now = performance.now();
  if (now - Math.max(heard, asked) >= ASK_MS) {
    asked = now;
    link.send({ type: 'ask' });
  }
  if (now - Math.max(heard, link.opened) >= deadAfter()) link.abandon();
}

const counting = () => showing === 'choose' || showing === 'pay' || showing === 'opened';

// nextSecond wakes the page when the clock's next second begins, and at its end: nothing is painted in between.
let ticking = 0;
function nextSecond() {
  clearTimeout(ticking);
  ticking = setTimeout(() => {
    watch();
    if (counting()) nextSecond();
  }, Math.max(0, until - performance.now()) % 1000 + 1);
}

let resizing = 0;
function resized() {
  clearTimeout(resizing);
  if (showing === 'pay') paint(); else settle();
  resizing = setTimeout(() => link.send({ type: 'layout', ...measure() }), 100);
}

prepare();
paint('wait');
setInterval(watch, 200);
for (const wake of ['pageshow', 'focus', 'online']) window.addEventListener(wake, watch);
document.addEventListener('resume', watch);
document.addEventListener('visibilitychange', () => {
  watch();
  if (document.hidden) report('hidden'); else confirm();
});
window.addEventListener('resize', resized);
link.open();
