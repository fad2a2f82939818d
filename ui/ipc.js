// @ts-check
// The only file that touches the shell: every command of the program, wrapped once.
/** @import {Batch, Command, Credential, Holder, Levels, Snapshot} from './types' */

/** @typedef {'openai_keys'|'openai_billing'|'openai_status'|'cloudflare_gateway'|'microphone_settings'} PageLink */

// @ts-expect-error: injected by the shell, no types
const { invoke, Channel } = window.__TAURI__.core;

/**
 * Starts the event stream and returns where it starts from.
 * @param {(batch: Batch) => void} onBatch
 * @returns {Promise<Snapshot>}
 */
export function subscribe(onBatch) {
  const channel = new Channel();
  channel.onmessage = onBatch;
  return invoke('subscribe', { channel });
}

/** @returns {Promise<Snapshot>} */
export const snapshot = () => invoke('snapshot');

/** @type {Promise<void>} */
let last = Promise.resolve();

/**
 * Commands arrive in the order in which they are given: the shell takes them side by side, and letting go must not
 * overtake pressing.
 * @param {Command} command @returns {Promise<void>}
 */
export function send(command) {
  const sent = last.then(() => invoke('send', { command }));
  last = sent.catch(() => {});
  return sent;
}

/**
 * Hands a key to the engine; it never comes back.
 * @param {Holder} holder @param {string} key @returns {Promise<Credential>} rejects with a Problem
 */
export const setKey = (holder, key) => invoke('set_key', { holder, key });

/**
 * Levels as they change, for three seconds.
 * @param {(levels: Levels) => void} onLevels @returns {Promise<Levels>} the last ones, when it is over
 */
export function levels(onLevels) {
  const channel = new Channel();
  channel.onmessage = onLevels;
  return invoke('levels', { channel });
}

/** @param {PageLink} link @returns {Promise<void>} */
export const openLink = (link) => invoke('open_link', { link });

/** Opens an address in the browser of the system. @param {string} address http, https or mailto @returns {Promise<void>} */
export const openAddress = (address) => invoke('open_address', { address });

/**
 * Lets the user choose a file in the system's dialog.
 * @param {{purpose: 'open' | 'save', name: string}} wish `name`: what a new one may be called
 * @returns {Promise<string | null>} its path; null when none is chosen
 */
export const chooseFile = (wish) => invoke('choose_file', wish);

/** @param {number} scale 1 is normal size @returns {Promise<void>} */
export const zoom = (scale) => invoke('zoom', { scale });

/** @returns {Promise<void>} */
export const openRecordings = () => invoke('open_recordings');

/** @returns {Promise<void>} */
export const showWindow = () => invoke('show_window');
