// @ts-check
// Finding words in the open conversation: how many there are, and from one to the next.
import { byId, fill, h, icon, keyboardFocus, say } from './dom.js';

/** @typedef {import('./main.js').App} App */

/** Places that are shown; more help nobody. */
const MOST = 1000;
/** What is read as one text: nothing is found across its edges. */
const BLOCKS = 'p, li, td, th, h3, h4, h5, h6, pre, blockquote, summary';
/** What is not of the conversation's words, or not in sight. */
const OTHER = '.who, .meta, .deeds, .kept, .unseen, .waterfall, .code-block figcaption, .editor, [hidden], details:not([open]) > :not(summary)';

/** Where words stand in a text, whatever their case; blanks are all alike. @param {string} text @param {string} query @returns {[number, number][]} */
export function hits(text, query) {
  const words = query.trim().split(/\s+/).filter(Boolean).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  if (words.length === 0) return [];
  const found = text.matchAll(new RegExp(words.join('\\s+'), 'giu'));
  return [...found].map(({ index, 0: hit }) => [index, index + hit.length]);
}

/** @param {App} app */
export function finder(app) {
  const turns = byId('turns');
  const log = byId('log');
  const input = h('input', { type: 'search', class: 'text', placeholder: 'Find in conversation', 'aria-label': 'Find in conversation', autocomplete: 'off', spellcheck: 'false', enterkeyhint: 'next' });
  const count = h('span', { class: 'find-count', 'aria-live': 'polite' });
  const tool = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ act) =>
    h('button', { type: 'button', class: 'tool', 'aria-label': label, title: label, onclick: act }, icon(name));
  const steps = [tool('up', 'Previous match', () => step(-1)), tool('down', 'Next match', () => step(1))];
  const bar = byId('find');
  fill(bar, h('div', { class: 'search' }, icon('search'), input), count, ...steps, tool('close', 'Close search', () => close()));
  const marks = CSS.highlights && [new Highlight(), new Highlight()];
  if (marks) for (const [index, name] of ['found', 'found-now'].entries()) CSS.highlights.set(name, marks[index]);
  /** @type {Range[]} */
  let found = [];
  let at = 0;
  let isDue = false;
  /** @type {HTMLElement | null} */
  let opener = null;

  function open() {
    if (bar.hidden) opener = keyboardFocus();
    bar.hidden = false;
    app.timeline.draw(); // the whole of a long conversation
    input.focus();
    input.select();
    look(true);
  }

  function close() {
    if (bar.hidden) return false;
    const hadFocus = bar.contains(document.activeElement);
    bar.hidden = true;
    found = [];
    mark();
    if (hadFocus) { if (opener?.isConnected) opener.focus(); else app.composer.focus(); }
    return true;
  }

  /** @param {boolean} isNew the words are new, not the conversation */
  function look(isNew) {
    const before = found[at];
    found = places(turns, input.value);
    if (isNew) at = before ? firstFrom(before) : firstInSight();
    at = Math.min(at, Math.max(0, found.length - 1));
    mark();
    if (isNew) show();
  }

  /** Typing on goes on from where it was. @param {Range} place */
  function firstFrom(place) {
    const next = found.findIndex((range) => range.compareBoundaryPoints(Range.START_TO_START, place) >= 0);
    return next < 0 ? found.length - 1 : next;
  }

  /** The match to begin with: the first that is in sight, else the last before it. */
  function firstInSight() {
    const top = log.getBoundingClientRect().top;
    const inSight = found.findIndex((range) => range.getBoundingClientRect().bottom > top);
    return inSight < 0 ? found.length - 1 : inSight;
  }

  /** @param {1 | -1} by */
  function step(by) {
    if (found.length === 0) return;
    at = (at + by + found.length) % found.length;
    mark();
    show();
  }

  function show() {
    const place = found[at]?.getBoundingClientRect();
    if (!place) return;
    const frame = log.getBoundingClientRect();
    if (place.top < frame.top + 56 || place.bottom > frame.bottom - 24) log.scrollTop += place.top - frame.top - log.clientHeight / 2;
    found[at].startContainer.parentElement?.closest('pre, .table-frame')?.scrollTo({ left: 0 });
  }

  function mark() {
    const words = input.value.trim();
    say(count, bar.hidden || !words ? '' : found.length === 0 ? 'None' : `${at + 1} of ${found.length}`);
    bar.toggleAttribute('data-none', words !== '' && found.length === 0);
    for (const button of steps) button.disabled = found.length === 0;
    if (!marks) return select();
    // The same two all the time: of replaced ones the engine leaves traces on the page.
    for (const mark of marks) mark.clear();
    for (const range of found) if (range !== found[at]) marks[0].add(range);
    if (found[at]) marks[1].add(found[at]);
  }

  /** Engines without highlights show the match as a selection. */
  function select() {
    const selection = getSelection();
    selection?.removeAllRanges();
    if (found[at]) selection?.addRange(found[at]);
  }

  input.addEventListener('input', () => look(true));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });

  return {
    open,
    close,
    step,
    isOpen: () => !bar.hidden,
    /** Words that came since are looked through too, once for what comes together. */
    draw() {
      if (bar.hidden || isDue) return;
      isDue = true;
      requestAnimationFrame(() => { isDue = false; if (!bar.hidden) look(false); });
    },
  };
}

/** @param {HTMLElement} root @param {string} query @returns {Range[]} */
function places(root, query) {
  if (!query.trim()) return [];
  /** @type {Range[]} */
  const found = [];
  for (const nodes of texts(root)) {
    for (const [from, to] of hits(nodes.map(({ data }) => data).join(''), query)) {
      if (found.length >= MOST) return found;
      found.push(rangeOf(nodes, from, to));
    }
  }
  return found;
}

/** The texts of a conversation, each as the nodes it consists of. @param {HTMLElement} root @returns {Text[][]} */
function texts(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) => (node.parentElement?.closest(OTHER) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
  /** @type {Text[][]} */
  const all = [];
  /** @type {Element | null | undefined} */
  let block = null;
  while (walker.nextNode()) {
    const node = /** @type {Text} */ (walker.currentNode);
    const own = node.parentElement?.closest(BLOCKS);
    if (own === block && own) all.at(-1)?.push(node); else all.push([node]);
    block = own;
  }
  return all;
}

/** @param {Text[]} nodes @param {number} from @param {number} to */
function rangeOf(nodes, from, to) {
  const range = new Range();
  let passed = 0;
  for (const node of nodes) {
    const end = passed + node.length;
    if (from >= passed && from < end) range.setStart(node, from - passed);
    if (to > passed && to <= end) { range.setEnd(node, to - passed); break; }
    passed = end;
  }
  return range;
}
