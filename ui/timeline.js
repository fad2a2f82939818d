// @ts-check
// The conversation: one column, speaker and time in the margin, nothing hidden.
/** @import {Item} from './types' */
/** @import {Entry} from './state.js' */
import { chatRow, narrator } from './chat.js';
import { announce as sayOnce, byId, fill, h, icon, kbd, say, ticker } from './dom.js';
import { particulars, wording } from './problems.js';
import { branch, entries } from './state.js';
import { figure, picture } from './waterfall.js';
import { dateOf, isReadable, partner, seconds, timeOf, tokens } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{element: HTMLLIElement, item: Item, speaker: string, drawnWith: string}} Row */

/** Distance from the end that still counts as being at the end, CSS px. */
const NEAR = 48;
/** Turns on the page at the end of a long conversation. Earlier ones come when one scrolls up to them. */
const SHOWN = 200;
/** Distance from the first turn on the page at which earlier ones come, CSS px. */
const EARLY = 600;

/** @param {App} app */
export function timeline(app) {
  const log = byId('log');
  const turns = byId('turns');
  const empty = byId('empty');
  const jump = byId('jump');
  /** @type {Map<string, Row>} */
  const rows = new Map();
  /** @type {Map<string, import('./chat.js').ChatRow>} */
  const written = new Map();
  const narrate = narrator();
  const thinking = h('li', { class: 'turn assistant', id: 'thinking' });
  const announce = announcer();
  let isAtEnd = true;
  let lastTop = 0;
  /** The first turn on the page, counted from the beginning. */
  let first = 0;
  /** Who spoke when it was spoken: the voice may be another one since. @type {Map<number, string>} */
  const speakers = new Map();
  const tick = ticker(1000, grow);

  log.addEventListener('scroll', () => {
    // Only scrolling back leaves the end; a shrinking window does not.
    const isNear = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    if (isNear || log.scrollTop < lastTop) isAtEnd = isNear;
    lastTop = log.scrollTop;
    jump.hidden = isAtEnd;
    if (!isAtEnd && first > 0 && log.scrollTop < EARLY) showEarlier();
  }, { passive: true });
  jump.addEventListener('click', () => { isAtEnd = true; toEnd(); log.focus({ preventScroll: true }); });
  new ResizeObserver(() => { if (isAtEnd) toEnd(); }).observe(log);
  // A picture takes its place when it is there.
  turns.addEventListener('load', () => { if (isAtEnd) toEnd(); }, { capture: true });

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    // Nobody scrolled back, also if the end was nearer for a moment.
    lastTop = log.scrollTop;
    jump.hidden = true;
  }

  /** What is in sight stays where it is. */
  function showEarlier() {
    const mark = turns.firstElementChild;
    const before = mark?.getBoundingClientRect().top ?? 0;
    first = Math.max(0, first - SHOWN);
    draw();
    if (mark) log.scrollTop += mark.getBoundingClientRect().top - before;
  }

  function draw() {
    const { items, call, settings } = app.snapshot;
    const messages = branch(app.snapshot);
    const all = entries(items, messages);
    first = firstOf(all.length);
    if (items.length === 0) speakers.clear();
    drawRows(all.slice(first), String(settings.appearance.captions));
    drawThinking();
    empty.hidden = all.length > 0 || thinking.isConnected;
    if (!empty.hidden) drawEmpty();
    announce(items, speakers);
    narrate(messages);
    tick(items.some((item) => item.delivery === 'recording'));
    if (isAtEnd) toEnd(); else jump.hidden = false;
  }

  /** Where the page begins: near the end, unless somebody reads or looks for something further up. @param {number} length */
  function firstOf(length) {
    if (app.find.isOpen()) return 0;
    const usual = Math.max(0, length - SHOWN);
    return isAtEnd ? usual : Math.min(first, usual);
  }

  /** @param {Entry[]} shown @param {string} view */
  function drawRows(shown, view) {
    const keys = new Set(shown.map(({ key }) => key));
    for (const [key, row] of rows) {
      if (!keys.has(key)) { row.element.remove(); rows.delete(key); }
    }
    for (const [key, row] of written) {
      if (!keys.has(key)) { row.element.remove(); written.delete(key); }
    }
    /** @type {Element | null} */
    let previous = null;
    for (const entry of shown) {
      const element = entry.item ? spokenElement(entry, view) : writtenElement(entry, entry === shown.at(-1));
      /** @type {ChildNode | null} */
      const place = previous ? previous.nextSibling : turns.firstChild;
      if (place !== element) turns.insertBefore(element, place);
      previous = element;
    }
  }

  /** @param {Extract<Entry, {message: null}>} entry @param {string} view */
  function spokenElement({ key, item }, view) {
    const row = rows.get(key) ?? newRow(item);
    rows.set(key, row);
    const drawn = `${view} ${app.recording.isRecorded(item.id)}`;
    if (row.drawnWith !== drawn || !onlyGrew(row.item, item)) drawRow(row, item, drawn);
    else if (row.item !== item) grown(row, item);
    return row.element;
  }

  /** @param {Extract<Entry, {item: null}>} entry @param {boolean} isLast */
  function writtenElement({ key, message }, isLast) {
    const row = written.get(key) ?? chatRow(app, message);
    written.set(key, row);
    row.draw(message, isLast);
    return row.element;
  }

  /** Longer, and nothing else: what stands there stays. @param {Row} row @param {Item} item */
  function grown(row, item) {
    row.item = item;
    const line = row.element.querySelector('.words:not(.none)');
    if (line) say(line, item.text);
  }

  /** @param {Item} item @returns {Row} */
  function newRow(item) {
    const speaker = speakers.get(item.id) ?? (item.role === 'user' ? 'You' : partner(app.snapshot.call));
    speakers.set(item.id, speaker);
    return { element: h('li', { 'data-id': item.id }), item, speaker, drawnWith: '' };
  }

  /** @param {Row} row @param {Item} item @param {string} view */
  function drawRow(row, item, view) {
    row.item = item;
    row.drawnWith = view;
    row.element.className = `turn ${item.role}`;
    row.element.dataset.delivery = item.delivery;
    fill(row.element, who(row.speaker, item.at), h('div', { class: 'say' }, ...body(item, app)));
  }

  function drawThinking() {
    const { call, items } = app.snapshot;
    const last = items.at(-1);
    const isAwaited = call.talk === 'thinking' && !(last?.role === 'assistant' && last.delivery === 'arriving');
    if (!isAwaited) return thinking.remove();
    if (!thinking.isConnected) fill(thinking, who(partner(call), null), h('div', { class: 'say' }, pulse()));
    turns.append(thinking);
  }

  function drawEmpty() {
    const { call } = app.snapshot;
    const key = `${call.provider} ${call.mode}`;
    if (empty.dataset.key === key) return;
    empty.dataset.key = key;
    const how = call.mode === 'open' ? ['Press ', kbd('Space'), ' and speak, or type below.'] : ['Hold ', kbd('Space'), ' and speak, or type below.'];
    fill(empty, icon('brand'), h('h2', {}, ...how),
      h('p', {}, call.provider === 'practice'
        ? 'No key needed: the practice partner repeats what you say.'
        : 'Your words and the answers appear here as they are spoken.'));
  }

  function grow() {
    for (const row of rows.values()) {
      const clock = row.element.querySelector('.growing');
      if (clock) say(clock, whole(spokenFor(row.item)));
    }
  }

  return {
    draw,
    /** The end stays in sight from now on. */
    follow() { isAtEnd = true; toEnd(); },
    /** Begins to edit the last message of the user that can be. */
    editLast() {
      const last = [...turns.querySelectorAll('.written.user .edit:not(:disabled)')].at(-1);
      if (last instanceof HTMLElement) last.click();
      return last !== undefined;
    },
  };
}

/** @param {Item} item */
function spokenFor(item) {
  return item.delivery === 'recording' ? Math.max(item.duration_ms, Date.now() - item.at) : item.duration_ms;
}

/** Whether at most its words and its length grew, while it is being spoken. @param {Item} before @param {Item} item */
function onlyGrew(before, item) {
  if (before === item) return true;
  const isGrowing = (item.delivery === 'recording' || item.delivery === 'arriving') && (before.text === '') === (item.text === '');
  const rest = (/** @type {Item} */ one) => JSON.stringify({ ...one, text: '', duration_ms: 0 });
  return isGrowing && item.unheard === '' && rest(before) === rest(item);
}

/** Time that still runs: a figure that changes once a second. @param {number} ms */
const whole = (ms) => `${Math.floor(ms / 1000)} s`;

/** @param {string} speaker @param {number | null} at */
function who(speaker, at) {
  return h('div', { class: 'who' }, h('b', {}, speaker),
    at !== null && h('time', { datetime: new Date(at).toISOString(), title: dateOf(at) }, timeOf(at)));
}

function pulse() {
  return h('span', { class: 'pulse' }, h('i'), h('i'), h('i'), h('span', { class: 'unseen' }, 'Thinking'));
}

/** @param {Item} item @param {App} app */
function body(item, app) {
  if (typeof item.kind === 'object') {
    const what = item.kind.tool_call === 'make_image' ? ['asked for a picture'] : ['asked for the tool ', h('code', {}, item.kind.tool_call)];
    return [h('p', { class: 'tool-line' }, icon('tool'), h('span', {}, ...what))];
  }
  return [words(item, app), meta(item, app), picture(item), trouble(item, app)];
}

/** @param {Item} item @param {App} app */
function words(item, app) {
  const isAnswer = item.role === 'assistant';
  if (!isReadable(item, app.snapshot.settings.appearance.captions)) return h('p', { class: 'words none' }, isAnswer ? 'Spoken answer' : 'Spoken');
  if (!item.text && !item.unheard) {
    if (item.delivery === 'recording') return h('p', { class: 'words none' }, 'Listening…');
    if (item.delivery === 'arriving') return h('p', { class: 'words none' }, pulse());
    if (item.delivery === 'kept' || item.delivery === 'failed') return h('p', { class: 'words none' }, 'Spoken');
    return h('p', { class: 'words none' }, item.is_final ? 'Spoken, without a caption' : '…');
  }
  return h('p', { class: item.is_final ? 'words' : 'words partial' }, item.text,
    item.unheard && h('span', {}, item.text && !/\s$/.test(item.text) && !/^\s/.test(item.unheard) && ' ',
      h('span', { class: 'unseen' }, '(not heard: '), h('span', { class: 'unheard', title: 'Not heard' }, item.unheard), h('span', { class: 'unseen' }, ')')));
}

/** Quiet facts under the words. @param {Item} item @param {App} app */
function meta(item, app) {
  const facts = [];
  const replay = app.recording.button(item.id);
  if (replay) facts.push(replay);
  if (item.role === 'user' && item.kind === 'spoken' && (item.duration_ms > 0 || item.delivery === 'recording')) {
    facts.push(h('span', { class: 'pair' }, icon('mic'), item.delivery === 'recording' ? h('span', { class: 'growing' }, whole(spokenFor(item))) : h('span', {}, seconds(spokenFor(item)))));
  }
  if (item.delivery === 'interrupted') {
    facts.push(h('span', { class: 'cut' }, item.heard_ms ? `Interrupted at ${seconds(item.heard_ms)}` : 'Interrupted before it was heard'));
  }
  const time = figure(item);
  if (time) facts.push(time);
  if (item.usage) facts.push(h('span', {}, tokens(item.usage)));
  return facts.length > 0 && h('div', { class: 'meta' }, ...facts);
}

/** @param {Item} item @param {App} app */
function trouble(item, app) {
  const isKept = item.delivery === 'kept';
  if (item.delivery === 'sent' && item.problem) {
    const reason = `${wording(item.problem, app.snapshot).what} ${particulars(item.problem)}`;
    return h('div', { class: 'kept' }, h('p', {}, 'This waits a moment, then it is asked again.', h('span', { class: 'detail' }, reason)));
  }
  if (!isKept && item.delivery !== 'failed') return null;
  const reason = item.problem && wording(item.problem, app.snapshot).what;
  const isUnsent = isKept && item.problem?.code === 'unsent';
  const line = isKept && !isUnsent
    ? [app.snapshot.call.link.state === 'live' ? 'Kept here, not answered yet.' : 'Kept here. It goes out with the next connection.', reason]
    : [isUnsent ? 'Kept since Sidetone was closed: it waits for you.' : reason ?? (item.role === 'user' ? 'This did not get an answer.' : 'This answer failed.'), item.problem && particulars(item.problem)];
  return h('div', { class: isKept ? 'kept' : 'kept failed' },
    h('p', {}, line[0], line[1] && h('span', { class: 'detail' }, line[1])),
    h('span', { class: 'actions' },
      h('button', { type: 'button', class: 'button small', onclick: () => app.send({ do: 'resend' }) }, 'Send again'),
      h('button', { type: 'button', class: 'button small', onclick: () => app.send({ do: 'forget', id: item.id }) }, 'Remove')));
}

/** Says each whole text once, politely; what was there at the start stays unsaid. Another conversation has the same ids. */
export function announcer() {
  /** @type {Set<number> | null} */
  let said = null;
  return (/** @type {Item[]} */ items, /** @type {Map<number, string>} */ speakers) => {
    const whole = items.filter((item) => item.is_final && item.text && item.delivery !== 'arriving' && item.delivery !== 'recording');
    if (said === null || items.length === 0) { said = new Set(whole.map((item) => item.id)); return; }
    for (const item of whole) {
      if (said.has(item.id)) continue;
      said.add(item.id);
      if (item.role === 'user' && item.kind === 'typed') continue;
      const cut = item.delivery === 'interrupted' ? ' Interrupted.' : '';
      sayOnce(`${speakers.get(item.id) ?? ''}: ${item.text}${cut}`);
    }
  };
}
