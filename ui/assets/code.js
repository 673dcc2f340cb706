// The QR code: a whole number of device pixels per module, its corner on a whole device pixel, or nothing at all.
const MIN_PX = 3;
const ns = 'http://www.w3.org/2000/svg';
const box = document.getElementById('box');
const paper = document.getElementById('paper');

const ratio = () => window.devicePixelRatio || 1;

// measure tells the agent how large a code may be. The box does not depend on any text, so it is true on every screen.
export function measure() {
  const r = box.getBoundingClientRect();
  return {
    box_px: Math.max(0, Math.floor(Math.min(r.width, r.height) * ratio() + 0.01)),
    viewport: [Math.round(window.innerWidth), Math.round(window.innerHeight)],
    dpr: Math.round(ratio() * 1000) / 1000,
    touch: true, // whether this screen can be touched is not known here: display.touch says so
  };
}

const pixels = (qr) => Math.floor(measure().box_px / (qr.modules + 2 * qr.quiet));

// fits is false while a code for another box is on its way to be replaced by the agent.
export function fits(qr) { return Boolean(qr) && pixels(qr) >= MIN_PX; }

export function clearCode() { paper.replaceChildren(); }

// draftCode is the drawing of a code, not yet on the screen; null when a module would get less than three pixels. It reads the layout and
// writes nothing, so that whoever calls it before he changes the screen waits for no layout but the one that is painted.
export function draftCode(qr) {
  if (!fits(qr)) return null;
  const side = qr.modules + 2 * qr.quiet;
  const px = pixels(qr);
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', `0 0 ${side} ${side}`);
  svg.setAttribute('shape-rendering', 'crispEdges');
  const path = document.createElementNS(ns, 'path');
  path.setAttribute('fill', '#000');
  path.setAttribute('d', outline(qr));
  svg.append(path);
  place(svg, side * px);
  return svg;
}

export function showCode(svg) { paper.replaceChildren(svg); }

// outline is the code as the data of a path, one rectangle for each run of dark modules in a row.
function outline(qr) {
  const bytes = atob(qr.bits);
  const dark = (i) => bytes.charCodeAt(i >> 3) & (0x80 >> (i & 7));
  const n = qr.modules;
  const runs = [];
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      if (!dark(y * n + x)) continue;
      const start = x;
      while (x < n && dark(y * n + x)) x++;
      runs.push(`M${start + qr.quiet} ${y + qr.quiet}h${x - start}v1h${start - x}z`);
    }
  }
  return runs.join('');
}

// place centres the code in the box and moves it to the nearest whole device pixel. Layout counts in 64ths of a pixel and cuts off
// the rest, so one of them is added: else a position just under a whole pixel would be painted one pixel away.
function place(svg, devicePx) {
  const r = box.getBoundingClientRect();
  const size = devicePx / ratio();
  const snap = (start, room) => Math.round((start + (room - size) / 2) * ratio()) / ratio() - start + 1 / 64;
  svg.style.width = svg.style.height = `${size}px`;
  svg.style.left = `${snap(r.left, r.width)}px`;
  svg.style.top = `${snap(r.top, r.height)}px`;
}
