// @ts-check
// What stands in the way, in plain words: what happened, what to do, one button.
/** @import {Code, Note, Problem, Snapshot} from './types' */
import { byId, fill, h, icon } from './dom.js';
import { keyTitle } from './holders.js';
import { exact } from './money.js';
import { keyHolder, voiceName } from './voices.js';
import { capital, isMac } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{what: string, todo: string, button: string, act: (app: App) => void}} Wording */

const isWindows = /Win/.test(navigator.platform);
const MICROPHONE_PATH = isMac
  ? 'Allow Sidetone in System Settings → Privacy & Security → Microphone.'
  : isWindows
    ? 'Allow desktop apps in Settings → Privacy & security → Microphone.'
    : 'Allow the microphone in the sound settings of the system.';

const keys = (/** @type {App} */ app) => app.openSettings('keys', keyHolder(app.snapshot));
const token = (/** @type {App} */ app) => app.openSettings('keys', 'gateway');
const voice = (/** @type {App} */ app) => app.openSettings('voice', app.snapshot.call.provider === 'openai' ? 'providers.openai.model' : 'call.provider');
const route = (/** @type {App} */ app) => app.openSettings('voice', 'call.route');
const gatewayIds = (/** @type {App} */ app) => app.openSettings('routing', app.snapshot.settings.gateway.account_id ? 'gateway.gateway_id' : 'gateway.account_id');
const address = (/** @type {App} */ app) => app.openSettings('routing', { direct: 'providers.openai.base_url', gateway: 'gateway.base_url', endpoint: 'endpoint.base_url' }[app.snapshot.call.route]);
const devices = (/** @type {App} */ app) => app.openDevices();
const resend = (/** @type {App} */ app) => app.send({ do: 'resend' });
/** What waits goes out again; with nothing waiting it is the call that is tried again. @param {App} app */
const retry = (app) => app.send(app.snapshot.call.waiting > 0 ? { do: 'resend' } : { do: 'call' });

/** Whose words say it all: what the system or the engine adds helps nobody. @type {Set<Code>} */
const WHOLE = new Set(['no_credential', 'no_microphone', 'microphone_silent', 'no_speaker', 'device_lost', 'no_keychain', 'keychain_locked', 'endpoint_missing', 'insecure_route']);

/** What the provider or the system adds, where it helps. @param {Problem} problem */
export const particulars = ({ code, detail }) => (WHOLE.has(code) ? '' : detail.replace(/^[a-z]+(?= )/, capital));

/** Who answers, by name. @param {Snapshot} snapshot */
function provider({ call }) {
  if (call.provider === 'practice') return 'The practice partner';
  if (call.provider === 'openai') return call.route === 'endpoint' ? 'Your server' : 'OpenAI';
  return call.provider === 'cascade' ? 'A service of your mix' : voiceName(call.provider);
}

/** Whose key it is that is missing. @param {Snapshot} snapshot */
function owner(snapshot) {
  const { call } = snapshot;
  if (call.provider === 'openai' && call.route === 'endpoint') return 'your server';
  return keyTitle(keyHolder(snapshot));
}

/** @param {Snapshot} snapshot */
function kept({ call }) {
  if (call.waiting === 0) return 'Nothing is lost.';
  return call.waiting === 1 ? 'One message waits here.' : `${call.waiting} messages wait here.`;
}

/** @type {Record<Code, (snapshot: Snapshot, detail: string) => [string, string, string, (app: App) => void]>} */
const TABLE = {
  no_credential: (s) => [s.call.route === 'gateway' ? 'A key for this route is missing.' : `There is no key for ${owner(s)} yet.`, 'Add one, or switch to the practice partner, which needs none.', 'Add a key', keys],
  credential_refused: (s) => [`${provider(s)} did not accept this key.`, `It may be revoked or mistyped. ${kept(s)}`, 'Open keys', keys],
  not_permitted: (s, detail) => (detail.includes('unsupported_country')
    ? [`${provider(s)} does not serve this country or region.`, `Another route or server may. ${kept(s)}`, 'Choose a route', route]
    : [`This key may not use ${s.call.model}.`, 'Choose another model, or allow this one in the account.', 'Choose a model', voice]),
  quota: (s) => (keyHolder(s) === 'openai'
    ? ['This OpenAI account has no credit left.', `Add credit, then send again. ${kept(s)}`, 'Open billing', (app) => app.link('openai_billing')]
    : [`${provider(s)}: no credit left.`, `Add credit there, or go on with another voice. ${kept(s)}`, 'Choose another voice', voice]),
  budget: (s) => ['A budget of yours is spent, so the call stopped.', `Raise it, or wait until it begins anew. A voice on this computer costs nothing. ${kept(s)}`, 'Budgets', (app) => app.openSettings('budget')],
  rate_limited: (s) => [`${provider(s)} is limiting requests.`, `Wait a moment, then try again. ${kept(s)}`, 'Try again', retry],
  refused: (s) => [`${provider(s)} refused the model or a setting.`, 'Check the model and the voice.', 'Open voice settings', voice],
  offline: (s) => ['The network or the server cannot be reached.', kept(s), 'Try again', retry],
  proxy: () => ['The proxy refused the connection.', 'Check the proxy of this computer (HTTPS_PROXY), then try again.', 'Try again', retry],
  tls: () => ['No secure connection could be made.', 'Check the clock of this computer, and whether its network inspects connections.', 'Try again', retry],
  provider_trouble: (s) => [`${provider(s)} has a problem.`, `All tries are used up. ${kept(s)}`, 'Try again', retry],
  answer_failed: () => ['This answer failed.', 'The call goes on.', 'Ask again', resend],
  gateway_missing: ({ settings: { gateway } }) => (gateway.account_id && gateway.gateway_id
    ? ['There is no gateway of this name.', 'Check the account id and the gateway id.', 'Open gateway settings', gatewayIds]
    : ['The gateway is not set up yet.', 'Set its account id and gateway id.', 'Set it up', gatewayIds]),
  gateway_refused: () => ['Cloudflare refused the gateway token.', 'An account token does not do: the gateway needs its own.', 'Open keys', token],
  endpoint_missing: ({ call, settings }) => {
    if (call.route !== 'endpoint') return ['The address for OpenAI cannot be used.', 'It should look like https://api.openai.com/v1.', 'Open the address', address];
    if (settings.endpoint.base_url.trim()) return ['The address of your server cannot be used.', 'It should look like ws://localhost:8765/v1.', 'Open the address', address];
    return ['The address of your server is missing.', 'Set one such as ws://localhost:8765/v1.', 'Set the address', address];
  },
  insecure_route: () => ['Not connected: the key would have gone out unprotected.', 'Use an address that starts with https or wss.', 'Open the address', address],
  no_microphone: () => ['No microphone found.', 'Connect one and it will be picked up. You can type meanwhile.', 'Open devices', devices],
  microphone_refused: () => ['The system does not let Sidetone use the microphone.', MICROPHONE_PATH, 'Open system settings', (app) => app.link('microphone_settings')],
  microphone_silent: () => ['The microphone is on but silent.', `A switch of its own may mute it, or the system keeps it silent. ${MICROPHONE_PATH}`, 'Open sound settings', (app) => app.link('microphone_settings')],
  no_speaker: () => ['No speaker found.', 'Answers can still be read. Connect one and it will be picked up.', 'Open devices', devices],
  device_lost: () => ['A sound device stopped working.', 'No other could be opened yet. What you said is kept.', 'Open devices', devices],
  no_keychain: () => ['This system has no keychain.', 'A key can be kept until Sidetone closes, or come from the environment.', 'Open keys', keys],
  keychain_locked: () => ['The keychain is locked.', 'Unlock it, then look again.', 'Look again', (app) => app.send({ do: 'check_keys' })],
  settings_damaged: () => ['Parts of the settings file could not be read.', 'Defaults stand in for them; the old file is kept beside the new one.', 'Show where', (app) => app.openSettings('about')],
  recording_failed: () => ['The recording could not be written or read.', 'Check the free space and the folder’s permissions. The call goes on.', 'Open folder', (app) => app.openRecordings()],
  history_failed: () => ['Something is wrong with the history.', 'You can talk all the same, but what is said may not be kept. Its folder needs room, and you must be allowed to write there.', 'Look again', (app) => { app.send({ do: 'dismiss' }); app.send({ do: 'find_history', query: '' }); }],
  unsent: () => ['This was not answered before Sidetone was closed.', 'Send it again, or remove it.', 'Send again', resend],
  internal: () => ['Something went wrong inside Sidetone.', 'Try again; if it stays, the log tells more.', 'Try again', retry],
};

/** @param {Problem} problem @param {Snapshot} snapshot @returns {Wording} */
export function wording(problem, snapshot) {
  const [what, todo, button, act] = TABLE[problem.code](snapshot, problem.detail);
  return { what, todo, button, act };
}

/** The banner above the dock. @param {App} app */
export function problems(app) {
  const slot = byId('problem');
  let shown = '';
  return {
    draw() {
      const { problem, call } = app.snapshot;
      const signature = JSON.stringify([problem, problem && [call.waiting, call.route, call.provider]]);
      if (signature === shown) return;
      shown = signature;
      if (!problem) return fill(slot);
      const words = wording(problem, app.snapshot);
      const detail = particulars(problem);
      fill(slot, h('div', { class: 'problem', 'data-code': problem.code },
        icon('warning'),
        h('p', {}, h('b', {}, words.what), words.todo, detail && h('span', { class: 'detail' }, detail)),
        h('button', { type: 'button', class: 'button small', onclick: () => words.act(app) }, words.button),
        h('button', { type: 'button', class: 'tool', 'aria-label': 'Dismiss', title: 'Dismiss', onclick: () => app.send({ do: 'dismiss' }) }, icon('close'))));
    },
  };
}

/** @param {number} seconds */
const duration = (seconds) => (seconds % 60 ? `${seconds} s` : seconds === 60 ? 'a minute' : `${seconds / 60} minutes`);

/** @param {Note} note */
export function noteText(note) {
  switch (note.note) {
    case 'device_replaced': return `Your device is gone. ${note.name} stands in.`;
    case 'device_back': return `${note.name} is back and in use.`;
    case 'insecure_subprotocol': return 'This gateway takes the key only inside the connection request, where proxies may log it.';
    case 'session_only_key': return 'This system has no keychain: the key is kept until Sidetone closes.';
    case 'past_gateway': return 'The gateway does not carry this voice: the call goes to the provider directly.';
    case 'network_too_slow': return 'The network is too slow for the microphone: some of it was not sent.';
    case 'recording_gap': return `The disk is too slow: ${(note.ms / 1000).toFixed(1)} s are missing in the recording.`;
    case 'renewed': return 'The longest call was near: it goes on over a fresh connection.';
    case 'continued_on': return `The conversation goes on with ${voiceName(note.provider)}.`;
    case 'stood_in': return `${voiceName(note.failed)} cannot answer now. ${voiceName(note.provider)} goes on.`;
    case 'turn_ends_soon': return `This turn is long: it will be sent in ${note.seconds} s.`;
    case 'not_open_yet': return 'The microphone was not open yet, so none of that was heard. Hold the button again and wait for “Listening”.';
    case 'turn_ended': return 'This turn was as long as one can be: it was sent.';
    case 'hung_up': return `Nobody spoke for ${duration(note.seconds)}: the call was ended, as this voice is paid by the second.`;
    case 'agent_left': return 'The agent ended the call.';
    case 'budget_near': return `${Math.floor(100 - (100 * note.left_nano) / note.limit_nano)} % of your budget of ${exact(note.limit_nano)} is spent: ${exact(note.left_nano)} left.`;
    case 'muted_costs': return 'Muted, this voice costs as much: it is paid by the second. Hang up when you are done.';
    case 'speaking_muted': return 'You are speaking, but the microphone is muted.';
    case 'hands_free': return `${note.name} is in its telephone mode. ${note.microphone ? `Listen on it and talk into ${note.microphone.name}: both sound better.` : 'With another microphone it would sound better.'}`;
  }
}

/** What can be done about it at once: one button. @param {Note} note @returns {[string, (app: App) => void] | undefined} */
function noteButton(note) {
  switch (note.note) {
    case 'budget_near': return ['Budgets', (app) => app.openSettings('budget')];
    case 'speaking_muted': return ['Unmute', (app) => app.send({ do: 'mute', is_muted: false })];
    case 'hands_free': {
      const { microphone } = note;
      return microphone ? ['Use that microphone', (app) => app.configure({ audio: { input: microphone.id } })] : undefined;
    }
    default: return undefined;
  }
}

/** @param {Note} note @param {App} app */
export function showNote(note, app) {
  const button = noteButton(note);
  toast(noteText(note), button && { label: button[0], act: () => button[1](app) });
}

/** Passing words stay long enough to be read, longer under the pointer. */
const TOAST_MS = 8000;

/** @param {string} text @param {{label: string, act: () => void}} [button] */
export function toast(text, button) {
  const close = () => element.remove();
  const element = h('div', { class: 'toast' }, icon('info'), h('p', {}, text),
    button && h('button', { type: 'button', class: 'button small', onclick: () => { button.act(); close(); } }, button.label),
    h('button', { type: 'button', class: 'tool', 'aria-label': 'Close note', onclick: close }, icon('close')));
  let timer = setTimeout(close, TOAST_MS);
  element.addEventListener('pointerenter', () => clearTimeout(timer));
  element.addEventListener('pointerleave', () => { timer = setTimeout(close, TOAST_MS); });
  byId('toasts').append(element);
}
