// @ts-check
// Who answers aloud, in words. Pure.
/** @import {Call, Holder, Provider, Snapshot, VoiceServer} from './types' */
import { about } from './money.js';

/** @typedef {{name: string, words: string, holder: Holder | null}} Voice */

/** @type {Record<Provider, Voice>} In the order of the picker. */
export const VOICES = {
  practice: { name: 'Practice partner', words: 'Repeats what you say. No key, no network.', holder: null },
  openai: { name: 'OpenAI', words: 'Realtime: one model hears, thinks and speaks.', holder: 'openai' },
  google: { name: 'Gemini Live', words: 'Google’s model that hears and speaks.', holder: 'google' },
  gpt_live: { name: 'GPT-Live', words: 'Listens and speaks at once. Every open second costs, muted ones too.', holder: 'openai' },
  elevenlabs: { name: 'ElevenLabs agent', words: 'An agent that you made at ElevenLabs.', holder: 'elevenlabs' },
  deepgram: { name: 'Deepgram agent', words: 'Deepgram’s ears and voice around a text model.', holder: 'deepgram' },
  cascade: { name: 'Your own mix', words: 'Any ears, any text model, any voice.', holder: null },
};

/** The name of a voice. @param {Provider} provider */
export const voiceName = (provider) => VOICES[provider].name;

/** About what a minute costs: "about $0.05 a minute". @param {Call} call @param {Provider} provider */
export function minuteWords(call, provider) {
  const nano = call.minute_costs.find((cost) => cost.provider === provider)?.nano ?? null;
  if (nano === null) return 'price not known';
  return nano === 0 ? 'no cost' : `${about(nano)} a minute`;
}

/** How often a connection was in use already, and, of the other times, opened ahead. @param {Call['connections']} connections */
export function connectionWords({ turns, reused, warm }) {
  if (turns === 0) return 'None was needed yet.';
  const others = turns - reused;
  const inUse = `Since the start in use already for ${reused} of ${turns} calls and turns (${percent(reused / turns)}, the goal is ${percent(0.9)}).`;
  return others === 0 ? inUse : `${inUse} Opened ahead for ${warm} of the other ${others} (${percent(warm / others)}, the goal is ${percent(0.95)}).`;
}

/** @param {number} share */
function percent(share) {
  return new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 }).format(share);
}

/** @type {Record<string, Holder>} Whose key a leg of the mix takes, by the first word of its name. */
const LEG_HOLDERS = { deepgram: 'deepgram', workers: 'workers_ai', elevenlabs: 'elevenlabs', cartesia: 'cartesia', openai: 'openai' };

/** Whose key the present voice takes first; of a mix, the first that is missing. @param {Snapshot} snapshot @returns {Holder} */
export function keyHolder({ call, settings, credentials }) {
  if (call.route === 'endpoint' && call.provider === 'openai') return 'endpoint';
  if (call.provider !== 'cascade') return VOICES[call.provider].holder ?? 'openai';
  const legs = [settings.cascade.ear, settings.cascade.mouth].map((leg) => LEG_HOLDERS[leg.split('_')[0]]).filter(Boolean);
  const isMissing = (/** @type {Holder} */ holder) => credentials.find((one) => one.holder === holder)?.place === 'missing';
  return legs.find(isMissing) ?? legs[0] ?? 'openai';
}

/** Whose keys a voice needs that are missing, as far as it is known. @param {Snapshot} snapshot @param {Provider} provider */
export function missingKey(snapshot, provider) {
  const { holder } = VOICES[provider];
  const place = holder && snapshot.credentials.find((one) => one.holder === holder)?.place;
  return place === 'missing';
}

/**
 * What can be done with a voice server of this computer: words, and what they change in the settings.
 * @param {VoiceServer} server @returns {[string, Record<string, unknown>][]}
 */
export function serverChoices({ address, is_realtime, listens, speaks }) {
  /** @type {[string, Record<string, unknown>][]} */
  const choices = [];
  if (is_realtime) choices.push(['Talk with it', { call: { provider: 'openai', route: 'endpoint' }, endpoint: { base_url: address.replace(/^http/, 'ws') } }]);
  if (listens || speaks) {
    const words = listens && speaks ? 'Use its ears and voice' : listens ? 'Use its ears' : 'Use its voice';
    choices.push([words, { call: { provider: 'cascade' }, cascade: { local_base_url: address, ...(listens && { ear: 'local' }), ...(speaks && { mouth: 'local' }) } }]);
  }
  return choices;
}
