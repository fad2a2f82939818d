// The picker of voices: prices, names, and whose key is missing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VOICES, connectionWords, keyHolder, minuteWords, missingKey, serverChoices, voiceName } from '../../ui/voices.js';

// Older Node has no navigator, which names of keys depend on.
globalThis.navigator ??= { platform: '' };
const { wording } = await import('../../ui/problems.js');
const { partner, route } = await import('../../ui/words.js');

/** A snapshot with a voice, its mix, and where keys are. */
const snapshot = (provider, { route = 'direct', ear = 'deepgram_flux', mouth = 'cartesia', places = {} } = {}) => ({
  call: { provider, route, waiting: 0, model: 'm', minute_costs: [{ provider: 'openai', nano: 49_500_000 }, { provider: 'practice', nano: 0 }, { provider: 'google', nano: null }] },
  settings: { cascade: { ear, mouth }, gateway: {}, endpoint: { base_url: '' } },
  credentials: Object.entries(places).map(([holder, place]) => ({ holder, place })),
});

test('a minute has a price, no price, or none that is known', () => {
  const { call } = snapshot('openai');
  assert.equal(minuteWords(call, 'openai'), 'about $0.05 a minute');
  assert.equal(minuteWords(call, 'practice'), 'no cost');
  assert.equal(minuteWords(call, 'google'), 'price not known');
  assert.equal(minuteWords(call, 'cascade'), 'price not known');
});

test('the way that is shown is the way that a voice goes', () => {
  const way = (provider, wanted) => route({ ...snapshot(provider).call, route: wanted })[1];
  assert.deepEqual(['openai', 'google', 'gpt_live'].map((voice) => way(voice, 'endpoint')), ['on my server', 'direct', 'direct']);
  assert.deepEqual(['openai', 'google', 'cascade', 'elevenlabs'].map((voice) => way(voice, 'gateway')), Array(4).fill('via gateway'));
  assert.deepEqual(['gpt_live', 'deepgram'].map((voice) => way(voice, 'gateway')), ['direct', 'direct']);
});

test('a mix is named with its text model', () => {
  const named = (model) => route({ ...snapshot('cascade').call, model })[0];
  assert.deepEqual(['openai/gpt-5-mini', 'practice/practice'].map(named), ['Your own mix, openai/gpt-5-mini', 'Your own mix, practice partner']);
});

test('voices are called by their names, not by their ids', () => {
  const named = (voice) => partner({ ...snapshot('cascade').call, voice });
  assert.deepEqual(['aura-2-thalia-en', 'flux-alexis-en', 'af_heart', '21m00Tcm4TlvDq8ikWAM'].map(named), ['Thalia', 'Alexis', 'Heart', 'Answer']);
});

test('how often a connection was there when it was needed is told', () => {
  assert.equal(connectionWords({ turns: 0, reused: 0, warm: 0 }), 'None was needed yet.');
  assert.equal(connectionWords({ turns: 8, reused: 5, warm: 2 }), 'Since the start in use already for 5 of 8 calls and turns (63%, the goal is 90%). Opened ahead for 2 of the other 3 (67%, the goal is 95%).');
  assert.equal(connectionWords({ turns: 3, reused: 3, warm: 0 }), 'Since the start in use already for 3 of 3 calls and turns (100%, the goal is 90%).');
});

test('every voice has a name', () => {
  for (const provider of Object.keys(VOICES)) assert.ok(voiceName(provider).length > 2, provider);
});

test('the key of the present voice is asked for, of a mix the first that is missing', () => {
  assert.equal(keyHolder(snapshot('google')), 'google');
  assert.equal(keyHolder(snapshot('gpt_live')), 'openai');
  assert.equal(keyHolder(snapshot('openai', { route: 'endpoint' })), 'endpoint');
  assert.equal(keyHolder(snapshot('cascade')), 'deepgram');
  assert.equal(keyHolder(snapshot('cascade', { places: { deepgram: 'stored', cartesia: 'missing' } })), 'cartesia');
  assert.equal(keyHolder(snapshot('cascade', { ear: 'local', mouth: 'workers_aura' })), 'workers_ai');
});

test('a card says that its key is missing only when that is known', () => {
  assert.equal(missingKey(snapshot('openai', { places: { google: 'missing' } }), 'google'), true);
  assert.equal(missingKey(snapshot('openai', { places: { google: 'unknown' } }), 'google'), false);
  assert.equal(missingKey(snapshot('openai'), 'practice'), false);
});

test('problems name the voice that has them', () => {
  const words = (provider, code, more) => wording({ code, detail: '' }, snapshot(provider, more));
  assert.equal(words('google', 'no_credential').what, 'There is no key for Google AI Studio yet.');
  assert.equal(words('elevenlabs', 'credential_refused').what, 'ElevenLabs agent did not accept this key.');
  assert.match(words('deepgram', 'quota').what, /Deepgram agent: no credit left/);
  assert.match(words('openai', 'quota').what, /OpenAI account has no credit/);
});

test('a spent budget says what waits, and its one button opens the budgets', () => {
  const words = wording({ code: 'budget', detail: 'The budget of $1.00 for this day is spent.' }, snapshot('google'));
  assert.match(words.what, /budget of yours is spent/);
  assert.match(words.todo, /Raise it/);
  assert.equal(words.button, 'Budgets');
  let opened = '';
  words.act(/** @type {any} */ ({ openSettings: (/** @type {string} */ group) => { opened = group; } }));
  assert.equal(opened, 'budget');
});

test('a server of this computer is offered for what it can do', () => {
  const server = { name: 'Speaches', address: 'http://127.0.0.1:8000/v1', is_realtime: true, listens: true, speaks: true };
  const [[talk, endpoint], [use, mix]] = serverChoices(server);
  assert.deepEqual([talk, use], ['Talk with it', 'Use its ears and voice']);
  assert.deepEqual(endpoint, { call: { provider: 'openai', route: 'endpoint' }, endpoint: { base_url: 'ws://127.0.0.1:8000/v1' } });
  assert.deepEqual(mix.cascade, { local_base_url: server.address, ear: 'local', mouth: 'local' });
  const [[words, mouth]] = serverChoices({ ...server, is_realtime: false, listens: false });
  assert.equal(words, 'Use its voice');
  assert.deepEqual(mouth.cascade, { local_base_url: server.address, mouth: 'local' });
});
