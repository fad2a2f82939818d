// @ts-check
// One key: where it is, paste, test, delete. The key goes into the engine and never comes back.
/** @import {Credential, Holder, KeyTest} from './types' */
import { fill, h, icon, say } from './dom.js';
import { HOLDERS } from './holders.js';
import { setKey } from './ipc.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./ipc.js').PageLink} PageLink */

/** @param {Credential | undefined} credential @returns {[string, string]} tone, words */
function placeWords(credential) {
  switch (credential?.place ?? 'unknown') {
    case 'unknown': return ['idle', 'Not looked for yet'];
    case 'missing': return ['idle', 'No key'];
    case 'stored': return ['good', 'In the system keychain'];
    case 'environment': return ['good', `From the environment (${credential?.variable ?? 'variable'})`];
    case 'session_only': return ['warn', 'Kept until Sidetone closes'];
    case 'locked': return ['warn', 'The keychain is locked. Unlock it and look again'];
    case 'no_keychain': return ['warn', 'This system has no keychain. A key is kept until Sidetone closes'];
  }
}

/** @param {App} app @param {Holder} holder @param {{isBare?: boolean}} [options] bare: without title and sentence */
export function keyCard(app, holder, { isBare = false } = {}) {
  const { title, about, placeholder, link } = HOLDERS[holder];
  const id = `key-${holder}${isBare ? '-first' : ''}`;
  const input = h('input', { id, type: 'password', class: 'text code', placeholder, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-label': `${title} key` });
  const show = h('button', { type: 'button', class: 'tool', 'aria-label': 'Show key', 'aria-pressed': 'false', title: 'Show key', onclick: reveal }, icon('eye'));
  const save = h('button', { type: 'button', class: 'button primary', disabled: true, onclick: () => void keep() }, 'Save');
  const test = h('button', { type: 'button', class: 'button', onclick: () => app.send({ do: 'test_key', holder }) }, 'Test');
  const remove = h('button', { type: 'button', class: 'button danger', onclick: () => confirm(true) }, 'Delete');
  const place = h('p', { class: 'place' });
  const error = h('p', { class: 'key-error', role: 'alert' });
  const fetch = h('button', { type: 'button', class: 'plain', hidden: true, onclick: () => app.openAddress(keyUrl()) }, 'Get a key', icon('out'));
  const keyUrl = () => app.snapshot.providers.find((provider) => provider.holder === holder)?.key_url ?? '';
  const results = h('div', { class: 'results', 'aria-live': 'polite' });
  const actions = h('span', { class: 'key-actions' }, test, !isBare && remove);
  const element = h('section', { class: isBare ? 'key bare' : 'key', 'aria-label': `${title} key`, 'data-holder': holder },
    !isBare && h('div', { class: 'key-head' }, h('h3', {}, title), place),
    !isBare && h('p', { class: 'about' }, about),
    h('div', { class: 'key-field' }, h('span', { class: 'masked' }, input, show), save),
    error,
    h('div', { class: 'key-foot' }, isBare ? place : actions, isBare && actions, link ? h('button', { type: 'button', class: 'plain', onclick: () => app.link(link[0]) }, link[1], icon('out')) : fetch),
    results);

  input.addEventListener('input', () => { save.disabled = input.value.trim() === ''; fill(error); });
  input.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); void keep(); } });

  function reveal() {
    const isShown = input.type === 'password';
    input.type = isShown ? 'text' : 'password';
    show.setAttribute('aria-pressed', String(isShown));
  }

  async function keep() {
    const key = input.value.trim();
    if (!key) return;
    save.disabled = true;
    try {
      await setKey(holder, key);
      card.clear();
      app.send({ do: 'test_key', holder });
    } catch (problem) {
      save.disabled = false;
      fill(error, `The key was not kept. ${/** @type {any} */ (problem)?.detail ?? ''}`);
    }
  }

  /** @param {boolean} isAsking */
  function confirm(isAsking) {
    if (!isAsking) { fill(actions, test, remove); remove.focus(); return; }
    const no = h('button', { type: 'button', class: 'button', onclick: () => confirm(false) }, 'Keep it');
    const yes = h('button', { type: 'button', class: 'button danger', onclick: () => { app.send({ do: 'delete_key', holder }); confirm(false); input.focus(); } }, 'Delete it');
    fill(actions, h('span', { class: 'ask' }, 'Delete this key?'), yes, no);
    no.focus();
  }

  const card = {
    element,
    input,
    /** Forgets what was typed and not saved. */
    clear() {
      input.value = '';
      save.disabled = true;
      fill(error);
      if (input.type === 'text') reveal();
    },
    draw() {
      const credential = app.snapshot.credentials.find((one) => one.holder === holder);
      const [tone, words] = placeWords(credential);
      fetch.hidden = keyUrl() === '';
      place.dataset.tone = tone;
      place.dataset.place = credential?.place ?? 'unknown';
      fill(place, h('i'), words);
      const isThere = ['stored', 'environment', 'session_only'].includes(credential?.place ?? '');
      test.hidden = !isThere;
      test.disabled = credential?.test?.is_running ?? false;
      remove.hidden = !['stored', 'session_only'].includes(credential?.place ?? '');
      // Only when they change: words that are replaced under the pointer swallow its click.
      say(save, ['stored', 'session_only'].includes(credential?.place ?? '') ? 'Replace' : 'Save');
      input.placeholder = credential?.place === 'environment' ? 'Paste a key to use it instead' : placeholder;
      const signature = JSON.stringify(credential?.test ?? null);
      if (results.dataset.test !== signature) fill(results, ...resultsOf(credential?.test ?? null, holder));
      results.dataset.test = signature;
    },
  };
  return card;
}

/** The three checks, told apart. @param {KeyTest | null} test @param {Holder} holder @returns {Node[]} */
function resultsOf(test, holder) {
  if (!test) return [];
  if (test.is_running) return [h('p', { class: 'result running' }, h('i', { class: 'dot', 'data-link': 'connecting' }), 'Testing the key…')];
  const checks = [
    result('valid', test.is_valid, 'The key is valid', 'The key is not accepted', 'Not known whether the key is valid'),
    holder === 'openai' && result('credit', test.has_credit, 'The account has credit', 'The account has no credit left', 'Credit not checked'),
    (holder === 'openai' || holder === 'endpoint') && result('voice', test.allows_voice, 'Voice is allowed', 'Voice is not allowed for this key', 'Voice not checked'),
  ];
  const shown = checks.filter((check) => check !== false);
  return test.detail ? [...shown, h('p', { class: 'detail' }, test.detail)] : shown;
}

/** @param {string} name @param {boolean | null} value @param {string} yes @param {string} no @param {string} open */
function result(name, value, yes, no, open) {
  const state = value === null ? 'unknown' : value ? 'yes' : 'no';
  return h('p', { class: 'result', 'data-check': name, 'data-state': state }, icon(value === null ? 'dash' : value ? 'check' : 'close'), value === null ? open : value ? yes : no);
}
