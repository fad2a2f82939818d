// @ts-check
// The settings: a page in the same window, in groups, searchable; every change applies at once.
/** @import {Settings} from './types' */
import { addressFold } from './addresses.js';
import { deviceList, volume } from './devices.js';
import { byId, fill, h, icon, say } from './dom.js';
import { accountFault, addressFault } from './faults.js';
import { choice, select, slider, text, toggle } from './fields.js';
import { keyCard } from './keycard.js';
import { shortcutList } from './shortcuts.js';
import { soundCheck } from './soundcheck.js';
import { budgetParts, cacheParts, gatewayParts, localParts, textParts } from './textsettings.js';
import { termsFold } from './terms.js';
import { connectionWords } from './voices.js';
import { serversRow, standInRow, voicePicker, voiceSettings } from './voicesettings.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./fields.js').Part} Part */
/** @typedef {'voice'|'turns'|'audio'|'text'|'keys'|'routing'|'budget'|'cache'|'local'|'appearance'|'shortcuts'|'about'} GroupName */
/** @typedef {{name: GroupName, title: string, parts: Part[], section: HTMLElement, link: HTMLElement}} Group */

const MODELS = ['gpt-realtime-2.1', 'gpt-realtime-2.1-mini', 'gpt-realtime-2', 'gpt-realtime-1.5'];
const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'];
const LANGUAGES = [['', 'Any language'], ['ar', 'Arabic'], ['zh', 'Chinese'], ['cs', 'Czech'], ['da', 'Danish'], ['nl', 'Dutch'], ['en', 'English'], ['fi', 'Finnish'], ['fr', 'French'], ['de', 'German'], ['el', 'Greek'], ['he', 'Hebrew'], ['hi', 'Hindi'], ['hu', 'Hungarian'], ['id', 'Indonesian'], ['it', 'Italian'], ['ja', 'Japanese'], ['ko', 'Korean'], ['no', 'Norwegian'], ['pl', 'Polish'], ['pt', 'Portuguese'], ['ro', 'Romanian'], ['ru', 'Russian'], ['es', 'Spanish'], ['sv', 'Swedish'], ['tr', 'Turkish'], ['uk', 'Ukrainian'], ['vi', 'Vietnamese']];

/** @type {import('./types').Holder[]} */
const HOLDERS = ['openai', 'gateway', 'endpoint', 'anthropic', 'google', 'vertex', 'openrouter', 'mistral', 'groq', 'deepseek', 'xai', 'perplexity', 'cerebras', 'huggingface', 'workers_ai', 'deepgram', 'elevenlabs', 'cartesia', 'fal', 'custom'];

/** Holders whose keys a call needs: always in sight. The others unfold. */
const FIRST = new Set(['openai', 'gateway', 'endpoint']);

const isOpenai = (/** @type {Settings} */ s) => s.call.provider === 'openai';
const hasRoute = (/** @type {string} */ route) => (/** @type {Settings} */ s) => isOpenai(s) && s.call.route === route;

/** What the slider does, in words. @param {Settings} settings */
function patience({ voice }) {
  if (voice.detector === 'silence') {
    const wait = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(0.3 + voice.patience * 0.9);
    return `Your turn ends after ${wait} s of silence.`;
  }
  const wait = voice.patience < 1 / 3 ? 2 : voice.patience < 2 / 3 ? 4 : 8;
  return `Waits until the thought sounds finished, at most about ${wait} s.`;
}

/** @param {Settings} settings */
const speed = ({ voice }) => (voice.speed === 1 ? 'As fast as the voice speaks by itself.' : `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(voice.speed)} times as fast, at the same pitch.`);

/** @param {App} app @param {Part[]} keyCards @returns {[GroupName, string, Part[]][]} */
function groups(app, keyCards) {
  return [
    ['voice', 'Voice', [
      voicePicker(app),
      choice(app, { label: 'Route', about: 'Which way a call goes. Takes effect with the next connection.', path: ['call', 'route'], when: (s) => s.call.provider !== 'practice', options: [['direct', 'Direct'], ['gateway', 'Cloudflare AI Gateway'], ['endpoint', 'My own server']] }),
      text(app, { label: 'Model', about: (s) => (hasRoute('endpoint')(s) ? 'Your server uses this name unless Gateway and routing names another.' : 'Any realtime model your account may use.'), path: ['providers', 'openai', 'model'], when: isOpenai, suggestions: MODELS, isCode: true }),
      select(app, { label: 'Voice', about: 'How the answer sounds, from the next connection on.', path: ['providers', 'openai', 'voice'], when: isOpenai, options: VOICES.map((voice) => [voice, voice[0].toUpperCase() + voice.slice(1)]) }),
      text(app, { label: 'Instructions', about: 'What the model should know about itself and about you.', path: ['voice', 'instructions'], when: (s) => s.call.provider !== 'practice', lines: 4, placeholder: 'Be brief. I am learning Polish; correct my mistakes.' }),
      select(app, { label: 'Your language', about: 'Helps to write down what you say.', path: ['voice', 'language'], options: /** @type {[string, string][]} */ (LANGUAGES) }),
      slider(app, { label: 'Speed', about: speed, path: ['voice', 'speed'], range: [0.75, 1.5], ends: ['Slower', 'Faster'] }),
      toggle(app, { label: 'Write down what I say', about: 'Your spoken words appear as captions and help after a lost connection.', path: ['voice', 'captions'] }),
      select(app, { label: 'Reasoning effort', about: 'More thought, later answers. Models before 2 do not take it.', path: ['providers', 'openai', 'reasoning_effort'], when: isOpenai, options: [['', 'As the model likes'], ['minimal', 'Minimal'], ['low', 'Low'], ['medium', 'Medium'], ['high', 'High'], ['xhigh', 'Highest']] }),
      ...voiceSettings(app),
      serversRow(app), standInRow(app),
    ]],
    ['turns', 'Turn-taking', [
      choice(app, { label: 'Who ends a turn', about: (s) => (s.call.mode === 'ptt' ? 'You do: hold to talk, let go to send. A short tap locks it.' : 'The microphone stays open and a pause ends your turn.'), path: ['call', 'mode'], options: [['ptt', 'Hold to talk'], ['open', 'Open microphone']] }),
      choice(app, { label: 'End of a turn', about: 'What tells that you are done, with an open microphone.', path: ['voice', 'detector'], options: [['silence', 'Silence'], ['meaning', 'Meaning']] }),
      slider(app, { label: 'Patience', about: patience, path: ['voice', 'patience'], ends: ['Quick', 'Patient'] }),
    ]],
    ['audio', 'Audio', [
      { ...deviceList(app, 'input') }, { ...deviceList(app, 'output') }, volume(app), soundCheck(app),
      toggle(app, { label: 'Sounds of the call', about: 'Short and soft: the microphone is open, a turn is sent, something failed, you talk while muted.', path: ['audio', 'cues'] }),
      choice(app, { label: 'Noise reduction', about: 'Cleans the microphone before the model hears it. Done by the provider.', path: ['voice', 'noise_reduction'], options: [['off', 'Off'], ['headset', 'Headset'], ['room', 'Laptop or room']] }),
    ]],
    ['text', 'Text', textParts(app)],
    ['keys', 'Keys', [
      { element: h('p', { class: 'group-note' }, 'Keys go into the keychain of this system and are sent only to the service they belong to. This page never gets them back.'), draw() {} },
      ...keyCards,
    ]],
    ['budget', 'Cost and limits', budgetParts(app)],
    ['cache', 'Cache and history', cacheParts(app)],
    ['routing', 'Gateway and routing', [
      text(app, { label: 'Account id', about: '32 hex digits, from the Cloudflare dashboard.', path: ['gateway', 'account_id'], isCode: true, fault: accountFault }),
      text(app, { label: 'Gateway id', about: 'The name of your AI Gateway.', path: ['gateway', 'gateway_id'], isCode: true }),
      toggle(app, { label: 'Use the key stored at the gateway', about: 'No OpenAI key leaves this computer.', path: ['gateway', 'stored_key'] }),
      text(app, { label: 'Gateway address', about: 'Account id and gateway id are added to it.', path: ['gateway', 'base_url'], isCode: true, fault: addressFault }),
      text(app, { label: 'OpenAI address', about: 'For direct calls; change it only for a proxy of your own.', path: ['providers', 'openai', 'base_url'], isCode: true, fault: addressFault }),
      text(app, { label: 'Organization', about: 'OpenAI organization id, if your key belongs to several.', path: ['providers', 'openai', 'organization'], isCode: true }),
      text(app, { label: 'Project', about: 'OpenAI project id, if usage should count there.', path: ['providers', 'openai', 'project'], isCode: true }),
      text(app, { label: 'Address of my own server', about: 'A server that speaks the Realtime protocol. The OpenAI key is never sent there.', path: ['endpoint', 'base_url'], placeholder: 'ws://localhost:8765/v1', isCode: true, fault: addressFault }),
      text(app, { label: 'Model on my server', about: 'Empty: the model named under Voice.', path: ['endpoint', 'model'], isCode: true }),
      text(app, { label: 'Voice on my server', about: 'Empty: the voice named under Voice.', path: ['endpoint', 'voice'], isCode: true }),
      ...gatewayParts(app),
      addressFold(app),
      termsFold(app),
    ]],
    ['local', 'Local API', localParts(app)],
    ['appearance', 'Appearance', [
      choice(app, { label: 'Theme', about: 'Light, dark, or as the system has it.', path: ['appearance', 'theme'], options: [['system', 'System'], ['light', 'Light'], ['dark', 'Dark']] }),
      toggle(app, { label: 'Show captions', about: 'Spoken words are shown as text in the conversation.', path: ['appearance', 'captions'] }),
    ]],
    ['shortcuts', 'Shortcuts', [{ element: shortcutList(), draw() {} }]],
    ['about', 'About', [about(app)]],
  ];
}

/** A key among many: its name and place, the rest on demand. @param {ReturnType<typeof keyCard>} card @returns {Part} */
function keyFold(card) {
  const [head] = card.element.getElementsByClassName('key-head');
  return { element: h('details', { class: 'key-fold' }, h('summary', {}, ...head.childNodes), card.element), draw: () => card.draw() };
}

/** @param {App} app @returns {Part} */
function about(app) {
  const list = h('dl', { class: 'facts' });
  const element = h('div', {}, list, h('div', { class: 'row' },
    h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'First steps'), h('p', { class: 'about' }, 'Walk through key, microphone and sound check again.')),
    h('button', { type: 'button', class: 'button', onclick: () => app.openFirstRun() }, 'Run first steps again')));
  return {
    element,
    draw() {
      const { version, settings, log } = app.snapshot.about;
      const facts = [['Version', version], ['Settings file', settings], ['Log folder', log], ['Connections', connectionWords(app.snapshot.call.connections)]];
      fill(list, ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
    },
  };
}

/** @param {App} app */
export function settingsPage(app) {
  const view = byId('settings-view');
  const search = h('input', { type: 'search', class: 'text', placeholder: 'Search settings', 'aria-label': 'Search settings', autocomplete: 'off' });
  const none = h('p', { class: 'no-match', role: 'note', hidden: true });
  const keyCards = HOLDERS.map((holder) => keyCard(app, holder));
  const folded = keyCards.map((card, at) => (FIRST.has(HOLDERS[at]) ? card : keyFold(card)));
  /** @type {Group[]} */
  const all = groups(app, folded).map(([name, title, parts]) => ({
    name, title, parts,
    section: h('section', { class: 'group', id: `group-${name}`, 'aria-labelledby': `group-title-${name}` }, h('h2', { id: `group-title-${name}` }, title), ...parts.map((part) => part.element)),
    link: h('button', { type: 'button', class: 'nav-link', onclick: () => goTo(name) }, title),
  }));
  const nav = h('nav', { class: 'settings-nav', 'aria-label': 'Settings groups' }, ...all.map((group) => group.link));
  const scroll = h('div', { class: 'settings-scroll', tabindex: '-1' }, ...all.map((group) => group.section), none);
  fill(view,
    h('header', { class: 'bar' },
      h('button', { type: 'button', class: 'tool', id: 'settings-close', 'aria-label': 'Back to the conversation', title: 'Back to the conversation', onclick: () => app.close() }, icon('back')),
      h('h1', { id: 'settings-title' }, 'Settings'),
      h('span', { class: 'live', hidden: true, title: 'Microphone audio is being sent right now' }, h('i'), 'LIVE'),
      h('span', { class: 'search' }, icon('search'), search)),
    h('div', { class: 'settings-body' }, nav, scroll));

  search.addEventListener('input', filter);
  scroll.addEventListener('scroll', mark, { passive: true });

  /** @param {GroupName} name */
  function goTo(name) {
    search.value = '';
    filter();
    const section = byId(`group-${name}`);
    scroll.scrollTop = section.offsetTop - scroll.offsetTop;
    setCurrent(name);
  }

  /** @param {GroupName} name */
  function setCurrent(name) {
    for (const { link, name: own } of all) {
      if (own === name) link.setAttribute('aria-current', 'true'); else link.removeAttribute('aria-current');
      // In a narrow window the groups are a row that scrolls.
      if (own === name) nav.scrollLeft = link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
    }
  }

  function mark() {
    const isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 2;
    if (isAtEnd) return;
    const top = scroll.scrollTop + scroll.offsetTop + 80;
    const current = all.findLast((group) => !group.section.hidden && group.section.offsetTop <= top) ?? all[0];
    setCurrent(current.name);
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    let found = 0;
    for (const group of all) {
      const isGroup = group.title.toLowerCase().includes(wanted);
      let inGroup = 0;
      for (const part of group.parts) {
        const isFound = !wanted || isGroup || (part.element.textContent ?? '').toLowerCase().includes(wanted);
        part.element.classList.toggle('filtered', !isFound);
        if (isFound && !part.element.hidden) inGroup += 1;
      }
      group.section.hidden = inGroup === 0;
      group.link.hidden = inGroup === 0;
      found += inGroup;
    }
    none.hidden = found > 0;
    say(none, `Nothing in the settings matches “${search.value.trim()}”.`);
  }

  return {
    view,
    /** @param {GroupName} [name] @param {string} [field] what to begin with: a setting, or whose key */
    open(name = 'voice', field) {
      app.send({ do: 'check_keys' });
      app.send({ do: 'find_devices' });
      this.draw();
      goTo(name);
      const wanted = !field ? null : view.querySelector(`[data-setting="${field}"] :is(input:checked, input.text), [data-holder="${field}"] input`);
      wanted?.closest('details')?.setAttribute('open', '');
      if (!(wanted instanceof HTMLElement)) return search.focus({ preventScroll: true });
      wanted.focus({ preventScroll: true });
      wanted.scrollIntoView({ block: 'center' });
    },
    draw() {
      if (view.hidden) return;
      for (const group of all) for (const part of group.parts) part.draw();
    },
    search: () => { search.focus(); search.select(); },
    /** What was typed as a key and not saved is not kept. */
    leave() { for (const card of keyCards) card.clear(); },
    /** Clears the search first. */
    escape() {
      if (!search.value) return false;
      search.value = '';
      filter();
      return true;
    },
  };
}
