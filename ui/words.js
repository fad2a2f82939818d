// @ts-check
// Numbers, times and names as people read them.
/** @import {Call, Item, Usage} from './types' */

export const isMac = /Mac/.test(navigator.platform);
/** Name of the command key in key caps. */
export const COMMAND = isMac ? '⌘' : 'Ctrl';

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const whole = new Intl.NumberFormat();
const tenth = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @param {number} ms unix */
export const timeOf = (ms) => clock.format(ms);
/** @param {number} ms unix */
export const dateOf = (ms) => full.format(ms);
/** @param {number} n */
export const count = (n) => whole.format(n);
/** @param {number} ms */
export const seconds = (ms) => `${tenth.format(ms / 1000)} s`;
/** @param {number} ms */
export const latency = (ms) => (ms < 10_000 ? `${whole.format(ms)} ms` : seconds(ms));

/** Length of a call: 4:07, 1:02:33. @param {number} ms */
export function elapsed(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor(total / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}

/** @param {string} word */
export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

/** Who answers, for the margin. @param {Call} call */
export const partner = (call) => (call.provider === 'practice' ? 'Partner' : capital(nameOf(call.voice)) || 'Answer');

/** A voice as people call it: ids of voices are no names. @param {string} voice */
const nameOf = (voice) => {
  // Deepgram's aura-2-thalia-en and flux-alexis-en; af_heart of Kokoro, which servers of one's own speak with.
  const named = /^(?:aura|flux)-(?:2-)?([a-z]+)-/.exec(voice) ?? /^[a-z][fm]_([a-z]+)$/.exec(voice);
  if (named) return named[1];
  return /^[A-Za-z][A-Za-z _-]{1,19}$/.test(voice) ? voice : '';
};

/** @param {Call} call @returns {[string, string]} model, way */
export function route(call) {
  if (call.provider === 'practice') return ['Practice partner', 'on this computer'];
  const ways = { direct: 'direct', gateway: 'via gateway', endpoint: 'on my server' };
  // A server of one's own speaks for OpenAI's voice alone, and the gateway carries neither of these two.
  const isPast = call.route === 'endpoint' ? call.provider !== 'openai' : call.provider === 'gpt_live' || call.provider === 'deepgram';
  const mix = `Your own mix, ${call.model.replace(/^practice\/.*/, 'practice partner')}`;
  return [call.provider === 'cascade' ? mix : call.model, isPast ? ways.direct : ways[call.route]];
}

/** @param {Usage} usage */
export function tokens(usage) {
  if (usage.session_ms) return `${Math.round(usage.session_ms / 1000)} s of the voice`;
  const input = usage.input_text + usage.input_audio;
  const cached = usage.cached_text + usage.cached_audio;
  const output = usage.output_text + usage.output_audio;
  const share = cached ? `, ${count(cached)} cached` : '';
  return `${count(input)} tokens in${share}, ${count(output)} out`;
}

/** Whether text of an item is there to be read. @param {Item} item @param {boolean} hasCaptions */
export const isReadable = (item, hasCaptions) => hasCaptions || item.kind !== 'spoken';

/** Loudness as 0…1 for pictures: −60 dBFS is nothing, 0 dBFS is all. @param {number} dbfs */
export const loudness = (dbfs) => Math.min(1, Math.max(0, (dbfs + 60) / 60));
