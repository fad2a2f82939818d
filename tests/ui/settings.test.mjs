// Own prices and addresses: what the settings become. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';
import './page.mjs';
globalThis.window ??= { __TAURI__: { core: {} } };
const { newDraft, priceOf, withPrice } = await import('../../ui/prices.js');
const { addressOf, withAddress } = await import('../../ui/addresses.js');
const { termsOf, usesGateway, usesStoredKeys, withTerms } = await import('../../ui/terms.js');

const price = (model, more) => ({ provider: 'groq', model, input: 1, cached: -1, output: 2, ...more });

test('a price is added at the end or put in the place of an older one', () => {
  const prices = [price('a'), price('b')];
  assert.deepEqual(withPrice(prices, price('c'), null).map(({ model }) => model), ['a', 'b', 'c']);
  assert.deepEqual(withPrice(prices, price('c'), 0).map(({ model }) => model), ['c', 'b']);
  assert.equal(prices.length, 2);
});

test('what was typed becomes a price; without one of its own, what is cached costs as the rest', () => {
  const typed = { provider: 'groq', model: ' m ', input: '.5', cached: ' ', output: '3.' };
  const none = { written: -1, input_audio: -1, output_audio: -1, per_minute: -1, per_thousand_characters: -1 };
  assert.deepEqual(priceOf(typed), { ...none, provider: 'groq', model: 'm', input: 0.5, cached: -1, output: 3 });
  assert.equal(priceOf(typed, { ...priceOf(typed), written: 0.7 }).written, 0.7, 'what the form has no place for stays');
  assert.equal(priceOf({ ...typed, cached: '0' }).cached, 0);
});

test('a new price is offered for the chosen model, unless it has one or costs nothing anyway', () => {
  const snapshot = (chat) => ({ settings: { chat: { provider: 'groq', model: 'm', prices: [], ...chat } }, providers: [{ id: 'groq', is_local: false }, { id: 'ollama', is_local: true }] });
  assert.equal(newDraft(snapshot({})).model, 'm');
  for (const chat of [{ provider: 'practice' }, { provider: 'ollama' }, { prices: [price('m')] }]) assert.deepEqual(newDraft(snapshot(chat)), { provider: '', model: '', input: '', cached: '', output: '' });
});

test('an own address is kept for its provider alone, and taken out when it is emptied', () => {
  const settings = { chat: { addresses: [{ provider: 'groq', url: 'https://a.test' }, { provider: 'xai', url: 'https://b.test' }] } };
  assert.equal(addressOf(settings, 'xai'), 'https://b.test');
  assert.equal(addressOf(settings, 'mistral'), '');
  assert.deepEqual(withAddress(settings, 'groq', ''), [{ provider: 'xai', url: 'https://b.test' }]);
  assert.deepEqual(withAddress(settings, 'groq', 'https://c.test'), [{ provider: 'xai', url: 'https://b.test' }, { provider: 'groq', url: 'https://c.test' }]);
});

test('a provider has terms of its own as long as they say something', () => {
  const of = (terms, way = 'direct') => ({ chat: { way, terms } });
  const groq = { provider: 'groq', way: 'gateway', requests_per_minute: 0 };
  assert.deepEqual(termsOf(of([groq]), 'xai'), { provider: 'xai', way: null, requests_per_minute: 0 });
  assert.deepEqual(withTerms(of([groq]), 'xai', { requests_per_minute: 5 }), [groq, { provider: 'xai', way: null, requests_per_minute: 5 }]);
  assert.deepEqual(withTerms(of([groq]), 'groq', { requests_per_minute: 5 }), [{ ...groq, requests_per_minute: 5 }]);
  assert.deepEqual(withTerms(of([groq]), 'groq', { way: null }), []);
  assert.deepEqual([of([]), of([], 'gateway'), of([groq]), of([{ ...groq, way: 'direct' }])].map(usesGateway), [false, true, true, false]);
  assert.deepEqual([of([groq]), of([], 'stored_key'), of([{ ...groq, way: 'stored_key' }])].map(usesStoredKeys), [false, true, true]);
});
