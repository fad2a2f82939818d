// @ts-check
// Written messages in the timeline: the answer and what led to it, and what can be done with each.
/** @import {ChatMessage, Receipt} from './types' */
import { pictureUrl } from './attachments.js';
import { shortName } from './catalogue.js';
import { announce, fill, h, icon, say } from './dom.js';
import { providerName, wordsFor } from './failures.js';
import { Answer, sourceList, spoken } from './markdown.js';
import { exact, size } from './money.js';
import { pictureNarrator, picturePart } from './pictures.js';
import { finished } from './sentences.js';
import { count, dateOf, seconds, timeOf } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{element: HTMLLIElement, draw: (message: ChatMessage, isLast: boolean) => void}} ChatRow */

const DELIVERY = { streaming: 'arriving', done: 'complete', stopped: 'interrupted', failed: 'failed' };
const WAYS = { direct: '', gateway: 'via gateway', stored_key: 'via gateway' };
const CACHES = { off: '', miss: '', hit: 'from the cache', coalesced: 'shared with an equal request', remote: 'from the gateway’s cache' };

/** Reasoning that the user opened. @type {Set<number>} */
const opened = new Set();

/** Facts under an answer. @param {Receipt} receipt @returns {string[]} */
export function facts(receipt) {
  const isRemote = receipt.cache === 'remote' || receipt.gateway?.cache_status.toUpperCase() === 'HIT';
  return [
    `${count(receipt.input_tokens + receipt.output_tokens)} tokens`,
    exact(receipt.cost_nano),
    isRemote ? CACHES.remote : CACHES[receipt.cache],
    receipt.first_ms === null ? '' : `${seconds(receipt.first_ms)} to first word`,
    receipt.attempts > 1 ? `${receipt.attempts} tries` : '',
    receipt.is_cut ? 'cut short by the limit of tokens' : '',
  ].filter(Boolean);
}

/** The same in full, for who asks. @param {Receipt} receipt */
export function particulars(receipt) {
  const { gateway } = receipt;
  return [
    `${count(receipt.input_tokens)} tokens in, ${count(receipt.cached_tokens)} of them from the provider’s cache`,
    `${count(receipt.output_tokens)} out, ${count(receipt.reasoning_tokens)} of them reasoning`,
    `whole answer after ${seconds(receipt.total_ms)}`,
    gateway?.cache_status && `gateway cache ${gateway.cache_status}`,
    gateway?.log_id && `gateway log ${gateway.log_id}`,
    gateway?.request_id && `gateway request ${gateway.request_id}`,
    gateway?.step && gateway.step !== '0' && `step ${gateway.step} of the gateway’s chain`,
    gateway?.routed && `the gateway chose ${gateway.routed}${gateway.reason && ` (${gateway.reason})`}`,
    gateway?.decision_id && `decision ${gateway.decision_id}`,
  ].filter(Boolean).join('\n');
}

/** @param {App} app @param {ChatMessage} first @returns {ChatRow} */
export function chatRow(app, first) {
  const speaker = h('b');
  const body = h('div', { class: 'say' });
  const element = h('li', { 'data-message': first.id });
  element.append(h('div', { class: 'who' }, speaker, h('time', { datetime: new Date(first.at).toISOString(), title: dateOf(first.at) }, timeOf(first.at))), body);
  const parts = first.role === 'user' ? question(app, body) : first.picture ? picturePart(app, body, (message) => arrows(app, message)) : answer(app, body);
  return {
    element,
    draw(message, isLast) {
      element.className = `turn ${message.role} written`;
      element.dataset.delivery = DELIVERY[message.state];
      const name = speakerOf(message);
      say(speaker, name);
      speaker.title = message.target ? `${message.target.model}, ${providerName(app.snapshot, message.target.provider)}` : '';
      parts.draw(message, isLast);
    },
  };
}

/** @param {ChatMessage} message */
export function speakerOf({ role, target, is_voice, picture }) {
  if (role === 'user') return 'You';
  if (picture) return 'Picture';
  if (!target) return is_voice ? 'Voice' : 'Answer';
  return target.provider === 'practice' ? 'Partner' : shortName(target.model);
}

/** @param {App} app @param {HTMLElement} body */
function answer(app, body) {
  const thoughts = h('p', { class: 'thoughts' });
  const summary = h('summary', {}, 'Reasoning');
  const reasoning = h('details', { class: 'reasoning' }, summary, thoughts);
  const words = h('div', { class: 'markdown' });
  const pulse = h('p', { class: 'words none' });
  const sources = h('div');
  const trouble = h('div');
  const meta = h('div', { class: 'meta' });
  const deeds = h('div', { class: 'deeds' });
  body.append(reasoning, words, pulse, sources, trouble, h('div', { class: 'foot' }, meta, deeds));
  const around = { open: (/** @type {string} */ address) => app.openAddress(address), copy: (/** @type {string} */ text) => app.copy(text, 'The code') };
  const drawn = new Answer(words, around);
  let signature = '';
  let sourced = -1;
  let id = 0;
  reasoning.addEventListener('toggle', () => { if (reasoning.open) opened.add(id); else opened.delete(id); });

  return {
    /** @param {ChatMessage} message @param {boolean} isLast */
    draw(message, isLast) {
      id = message.id;
      const isComing = message.state === 'streaming';
      reasoning.hidden = message.reasoning.trim() === '';
      if (!reasoning.hidden) {
        if (reasoning.open !== opened.has(id)) reasoning.open = opened.has(id);
        say(thoughts, message.reasoning.trim());
        say(summary, isComing && !message.text ? 'Reasoning…' : 'Reasoning');
      }
      drawn.draw(message.text, message.citations);
      words.setAttribute('aria-busy', String(isComing));
      pulse.hidden = !isComing || message.text !== '';
      if (!pulse.hidden && !pulse.firstChild) fill(pulse, h('span', { class: 'pulse' }, h('i'), h('i'), h('i'), h('span', { class: 'unseen' }, 'Thinking')));
      if (message.citations.length !== sourced) {
        sourced = message.citations.length;
        fill(sources, sourced > 0 && sourceList(message.citations, around));
      }
      const now = JSON.stringify([message.id, message.state, message.failure, message.receipt, message.fell_back_from, message.version, message.versions, isLast, message.text === '', app.snapshot.chat.is_answering]);
      if (now === signature) return;
      signature = now;
      drawTrouble(trouble, message, app);
      drawMeta(meta, message, app);
      fill(deeds, ...(isComing ? [] : answerDeeds(app, message)));
    },
  };
}

/** @param {HTMLElement} slot @param {ChatMessage} message @param {App} app */
function drawTrouble(slot, message, app) {
  // A spoken answer cannot be continued in writing.
  if (message.is_voice) return fill(slot);
  const words = message.state === 'failed' || message.state === 'stopped' ? wordsFor(message, app.snapshot) : null;
  if (!words) {
    if (message.state !== 'stopped') return fill(slot);
    const [todo, button, command] = message.text.trim() ? ['What came is kept.', 'Continue', 'continue'] : ['Nothing came yet.', 'Ask again', 'regenerate'];
    return fill(slot, card('kept', 'You stopped this answer.', todo, '', button, () => app.send({ do: /** @type {'continue'} */ (command), message: message.id })));
  }
  const isStopped = message.failure?.kind === 'cancelled';
  fill(slot, card(isStopped ? 'kept' : 'kept failed', words.what, words.todo, words.detail, words.button, () => words.act(app, message), words.more && h('button', { type: 'button', class: 'button small', onclick: () => words.more?.[1](app) }, words.more[0])));
}

/** @param {string} tone @param {string} what @param {string} todo @param {string} detail @param {string} button @param {() => void} act @param {HTMLElement | null} [more] */
function card(tone, what, todo, detail, button, act, more) {
  return h('div', { class: tone }, h('p', {}, h('b', {}, what), ' ', todo, detail && h('span', { class: 'detail' }, detail)),
    h('span', { class: 'actions' }, h('button', { type: 'button', class: 'button small', onclick: act }, button), more));
}

/** @param {HTMLElement} slot @param {ChatMessage} message @param {App} app */
function drawMeta(slot, message, app) {
  const { receipt, target, fell_back_from: from } = message;
  if (message.is_voice) return fill(slot, spokenMark(message));
  const isNothing = message.state !== 'done' && receipt?.output_tokens === 0;
  if (!target || isNothing || (!receipt && !from)) return fill(slot);
  const way = receipt && WAYS[receipt.way];
  const who = [providerName(app.snapshot, target.provider), way].filter(Boolean).join(' ');
  fill(slot, h('span', { title: receipt && particulars(receipt) }, [who, ...(receipt ? facts(receipt) : [])].join(' · ')),
    from && h('span', { class: 'cut' }, `instead of ${shortName(from.model)}, ${providerName(app.snapshot, from.provider)}`));
}

/** @param {ChatMessage} message */
const spokenMark = ({ state }) => h('span', { class: 'pair' }, icon('mic'), state === 'stopped' ? 'Spoken, interrupted' : state === 'failed' ? 'Spoken, not answered' : 'Spoken');

/** @param {string} name @param {string} label @param {() => void} act @param {Record<string, any>} [props] */
const deed = (name, label, act, props = {}) => h('button', { type: 'button', class: 'tool deed', 'aria-label': label, title: label, ...props, onclick: act }, icon(name));

/** @param {App} app @param {ChatMessage} message */
function answerDeeds(app, message) {
  const isBusy = app.snapshot.chat.is_answering;
  return [
    message.text && deed('copy', 'Copy answer', () => app.copy(message.text, 'The answer')),
    !message.is_voice && deed('again', 'Ask again', () => app.send({ do: 'regenerate', message: message.id }), { disabled: isBusy }),
    message.receipt?.is_cut && deed('forward', 'Continue', () => app.send({ do: 'continue', message: message.id }), { disabled: isBusy }),
    ...arrows(app, message),
  ];
}

/** `‹ 2/3 ›`: other versions of the same message. @param {App} app @param {ChatMessage} message */
function arrows(app, { version, versions }) {
  if (versions.length < 2) return [];
  const go = (/** @type {number} */ by) => app.send({ do: 'choose_branch', message: versions[version + by] });
  return [h('span', { class: 'versions', role: 'group', 'aria-label': 'Versions' },
    deed('left', 'Earlier version', () => go(-1), { disabled: version === 0 }),
    h('span', {}, h('span', { class: 'unseen' }, 'Version '), `${version + 1}/${versions.length}`),
    deed('right', 'Later version', () => go(1), { disabled: version >= versions.length - 1 }))];
}

/** @param {App} app @param {HTMLElement} body */
function question(app, body) {
  let signature = '';
  let isEditing = false;
  /** @type {ChatMessage | null} */
  let shown = null;
  const edit = () => {
    if (!shown) return;
    const message = shown;
    isEditing = true;
    const area = h('textarea', { class: 'text', rows: '3', 'aria-label': 'Edit message' });
    area.value = message.text;
    const close = () => { isEditing = false; signature = ''; draw(shown ?? message); /** @type {HTMLElement | null} */ (body.querySelector('.edit'))?.focus(); };
    const keep = () => {
      const text = area.value.trim();
      if (text) app.send({ do: 'edit_message', message: message.id, text });
      close();
    };
    area.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); close(); }
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); keep(); }
    });
    fill(body, h('div', { class: 'editor' }, area, h('p', { class: 'note' }, 'A new version; the old one stays.'), h('div', { class: 'actions' },
      h('button', { type: 'button', class: 'button small', onclick: close }, 'Cancel'),
      h('button', { type: 'button', class: 'button small primary', onclick: keep }, 'Send again'))));
    area.style.setProperty('height', `${Math.min(320, area.scrollHeight + 4)}px`);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  };

  /** @param {ChatMessage} message */
  function draw(message) {
    shown = message;
    const isBusy = app.snapshot.chat.is_answering;
    const now = JSON.stringify([message.id, message.text, message.attachments.map(({ name }) => name), message.version, message.versions, isBusy]);
    // What is being edited is not taken away.
    if (now === signature || isEditing) return;
    signature = now;
    fill(body, message.text && h('p', { class: 'words' }, message.text), files(message), message.is_voice && h('div', { class: 'meta' }, spokenMark(message)),
      h('div', { class: 'deeds' },
        message.text && deed('copy', 'Copy message', () => app.copy(message.text, 'The message')),
        !message.is_voice && deed('edit', 'Edit message', edit, { class: 'tool deed edit', disabled: isBusy }),
        ...arrows(app, message)));
  }
  return { draw };
}

/** @param {ChatMessage} message */
function files({ attachments }) {
  if (attachments.length === 0) return null;
  return h('ul', { class: 'files', 'aria-label': 'Attachments' }, ...attachments.map((one) => {
    const url = pictureUrl(one);
    return h('li', {}, url ? h('img', { src: url, alt: one.name, loading: 'lazy', draggable: 'false', oncontextmenu: (/** @type {Event} */ event) => event.preventDefault() }) : h('span', { class: 'file' }, icon('file'), one.name, h('small', {}, size(one.data.length))));
  }));
}

/** An answer that is first seen whole is new when it began within this time, ms; an older one was only opened. */
const NEW_MS = 15_000;

/** Says answers as they grow, in whole sentences; what is merely shown again stays unsaid. @param {() => number} [now] unix ms */
export function narrator(now = Date.now) {
  /** How far each was said. @type {Map<number, number>} */
  const said = new Map();
  const sayPicture = pictureNarrator(now);
  return (/** @type {ChatMessage[]} */ messages) => {
    for (const message of messages) {
      const { id, text, state } = message;
      if (message.role === 'user') continue;
      if (message.picture) { sayPicture(message); continue; }
      const isWhole = state !== 'streaming';
      // Turns of the call are said by the call.
      const isKnown = message.is_voice || message.item !== null || (isWhole && !said.has(id) && now() - message.at > NEW_MS);
      const from = isKnown ? text.length : said.get(id) ?? 0;
      const to = Math.max(from, finished(text, from, isWhole));
      said.set(id, to);
      const words = to > from ? spoken(text.slice(from, to)) : '';
      if (words) announce(from === 0 ? `${speakerOf(message)}: ${words}` : words);
    }
  };
}
