// Painting: every function here sets a whole screen from what it is given and remembers nothing but the texts.
import { icon, looks } from './icons.js';
import { clearCode, showCode } from './code.js';

const setup = JSON.parse(document.body.dataset.setup);
const [first, ...others] = setup.languages;
const pay = document.getElementById('pay');
const notice = document.getElementById('notice');
const choices = document.getElementById('choices');

export const build = setup.build;

function node(name, className, text, lang) {
  const n = document.createElement(name);
  if (className) n.className = className;
  if (text) n.textContent = text;
  if (lang) n.lang = setup.tags[lang];
  return n;
}

export function prepare() {
  for (const brand of document.querySelectorAll('.brand')) {
    if (setup.logo) {
      const img = node('img');
      img.src = '/logo';
      img.alt = '';
      brand.append(img);
    }
    brand.append(node('span', '', setup.merchant));
  }
  for (const n of document.querySelectorAll('[data-text]')) n.textContent = setup.texts[first][n.dataset.text];
}

// say sets a text that is another one, and differs tells whether what n was made from is: most of a sale's screen is as it was in the sale
// before, and what is written again is laid out again.
function say(n, text) {
  if (n.textContent !== text) n.textContent = text;
}

function differs(n, of) {
  if (n.dataset.of === of) return false;
  n.dataset.of = of;
  return true;
}

function setAmount(root, s) {
  const shown = Boolean(s.amount);
  root.querySelector('.amount').classList.toggle('none', !shown);
  say(root.querySelector('.currency'), shown ? s.currency || '' : '');
  say(root.querySelector('.value'), shown ? s.amount : '');
}

function scheme(name, tagName = 'span') {
  const n = node(tagName, 'scheme', name);
  n.dataset.brand = name;
  n.dataset.initial = [...name][0];
  return n;
}

// accept sets what the code can be paid with; no names: nothing.
function accept(names, wallet) {
  const row = pay.querySelector('.schemes');
  row.classList.toggle('wallet', wallet);
  if (!differs(row, JSON.stringify(names))) return;
  row.replaceChildren(...(names.length ? [node('span', 'label', setup.texts[first].accepted)] : []), ...names.map((name) => scheme(name)));
}

// ask sets the words of a screen on which the customer has something to do.
function ask(s, title, how) {
  setAmount(pay, s);
  say(pay.querySelector('h1'), setup.texts[first][title]);
  say(pay.querySelector('.how'), setup.texts[first][how]);
  const list = pay.querySelector('.others');
  if (differs(list, title)) list.replaceChildren(...others.map((lang) => node('li', '', setup.texts[lang][title], lang)));
}

// PRESSED_MS is how long a touch waits for what follows from it before another one is taken.
const PRESSED_MS = 3000;

// showChoice offers the wallets. choose(scheme) tells what was touched, and whether that still counted.
export function showChoice(s, choose) {
  clearCode();
  ask(s, 'choose.title', 'choose.text');
  accept([], false);
  const buttons = (s.choices || []).map(({ scheme: code, name }) => {
    const b = scheme(name, 'button');
    b.type = 'button';
    b.onclick = () => {
      if (!choose(code)) return;
      b.classList.add('pressed');
      for (const other of buttons) other.disabled = true;
      setTimeout(() => {
        b.classList.remove('pressed');
        for (const other of buttons) other.disabled = false;
      }, PRESSED_MS);
    };
    return b;
  });
  choices.replaceChildren(...buttons);
  notice.classList.add('off');
  pay.classList.remove('off');
  settle(pay);
}

// showPay shows a code that draftCode has drawn.
export function showPay(s, code) {
  choices.replaceChildren();
  ask(s, 'pay.title', `pay.${s.how === 'link' ? 'link' : 'app'}`);
  const schemes = s.schemes || [];
  accept(schemes, s.how === 'app' && schemes.length === 1);
  showCode(code);
  notice.classList.add('off');
  pay.classList.remove('off');
  settle(pay);
}

// showNotice shows any screen that has no code; kind chooses words, icon and colour.
export function showNotice(kind, s = {}) {
  clearCode();
  choices.replaceChildren();
  const look = looks.includes(kind) ? kind : 'wait';
  notice.dataset.kind = look;
  notice.querySelector('.icon').replaceChildren(icon(look));
  notice.querySelector('.words h1').textContent = setup.texts[first][`${look}.title`];
  notice.querySelector('.words p').textContent = setup.texts[first][`${look}.text`];
  setAmount(notice, s);
  notice.querySelector('.clock').classList.toggle('none', look !== 'opened');
  notice.querySelector('.others').replaceChildren(...others.map((lang) => {
    const li = node('li', '', '', lang);
    li.append(node('b', '', setup.texts[lang][`${look}.title`]), node('span', '', setup.texts[lang][`${look}.text`]));
    return li;
  }));
  const foot = [];
  if (s.payment && look !== 'idle') foot.push(`${setup.texts[first].reference} ${s.payment}`);
  if (s.reason) foot.push(s.reason);
  notice.querySelector('.foot').textContent = foot.join(' · ');
  pay.classList.add('off');
  notice.classList.remove('off');
  settle(notice);
}

// setClock changes nothing more than once a second, so that a page that waits for a customer costs next to nothing.
export function setClock(remainingMS, totalMS) {
  const seconds = Math.ceil(Math.max(0, remainingMS) / 1000);
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const share = totalMS > 0 ? Math.min(1, 1000 * seconds / totalMS) : 0;
  for (const clock of document.querySelectorAll('.clock')) {
    const time = clock.querySelector('b');
    if (time.textContent !== text) time.textContent = text;
    if (clock.classList.contains('soon') !== seconds <= 30) clock.classList.toggle('soon');
    const bar = clock.querySelector('i');
    const scale = `scaleX(${share.toFixed(4)})`;
    if (bar.dataset.scale !== scale) bar.style.transform = bar.dataset.scale = scale;
  }
}

// set writes a property that is another one: what is written again is computed again.
function set(n, name, value) {
  if (n.style.getPropertyValue(name) !== value) n.style.setProperty(name, value);
}

// settle shrinks the type, never the code, until nothing is cut off: long names, large amounts, long words of some languages.
export function settle(root = pay.classList.contains('off') ? notice : pay) {
  const value = root.querySelector('.amount');
  set(value, '--fit', '1'); // the amount before may have been a wider one: this one is measured at its own height
  for (let k = 1; k > 0.4; k -= 0.05) {
    set(root, '--k', k.toFixed(2));
    if (!overflows(root)) break;
  }
  if (value.scrollWidth > value.clientWidth) {
    value.style.setProperty('--fit', (0.98 * value.clientWidth / value.scrollWidth).toFixed(3));
  }
}

// crammed: the last line has eaten most of the margin below it, which scrollHeight does not count. In landscape one block's text ends
// where the next one's begins: there the padding is small already.
function crammed(n) {
  if (!n.lastElementChild) return false;
  const margin = parseFloat(getComputedStyle(n).paddingBottom);
  return n.lastElementChild.getBoundingClientRect().bottom > n.getBoundingClientRect().bottom - margin / 2;
}

// Heights are compared on padded blocks only: a line of type may well be higher than its line box without being cut off.
function overflows(root) {
  const high = [root, ...root.querySelectorAll('.text, .message, .others, #choices')];
  const wide = root.querySelectorAll('h1, .how, .words p, .others li, .schemes, .foot, button');
  return high.some((n) => n.scrollHeight > n.clientHeight + 1) || [...root.querySelectorAll('.text')].some(crammed) || [...wide].some((n) => n.scrollWidth > n.clientWidth + 1);
}
