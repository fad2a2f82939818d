// Where the time of a turn went, as steps of a picture.
import assert from 'node:assert/strict';
import { test } from 'node:test';

// Older Node has no navigator, which names of keys depend on.
globalThis.navigator ??= { platform: '' };
const { caption, segments } = await import('../../ui/waterfall.js');

const spoken = { is_typed: false, turn_end_ms: 400, request_ms: 410, first_delta_ms: 800, first_sound_ms: 850 };
const spans = (waterfall) => segments(waterfall).map(({ step, from, to }) => [step, from, to]);

test('each step begins where the one before ended', () => {
  assert.deepEqual(spans(spoken), [['end', 0, 400], ['request', 400, 410], ['delta', 410, 800], ['sound', 800, 850]]);
});

test('steps that did not happen are left out', () => {
  assert.deepEqual(spans({ ...spoken, is_typed: true, turn_end_ms: null, first_sound_ms: null }), [['request', 0, 410], ['delta', 410, 800]]);
  assert.deepEqual(spans({ ...spoken, request_ms: null }), [['end', 0, 400], ['delta', 400, 800], ['sound', 800, 850]]);
});

test('a typed question says so', () => {
  assert.equal(segments({ ...spoken, is_typed: true, turn_end_ms: null })[0].words, 'Your message was sent');
});

test('a connection that had to be opened first is told', () => {
  assert.equal(caption({ ...spoken, supply: 'reused' }), 'Since the microphone last heard your voice');
  assert.equal(caption({ ...spoken, is_typed: true, supply: 'cold' }), 'Since you sent your message; the connection had to be opened first');
});
