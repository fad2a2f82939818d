import assert from 'node:assert/strict';
import test from 'node:test';

// Older Node has no navigator, which names of keys depend on.
globalThis.navigator ??= { platform: '' };
const { noteText } = await import('../../ui/problems.js');
const { tokens } = await import('../../ui/words.js');

test('what silence costs is told in plain words', () => {
  assert.equal(noteText({ note: 'agent_left' }), 'The agent ended the call.');
  assert.match(noteText({ note: 'hung_up', seconds: 180 }), /^Nobody spoke for 3 minutes: the call was ended/);
  assert.match(noteText({ note: 'hung_up', seconds: 60 }), /for a minute/);
  assert.match(noteText({ note: 'hung_up', seconds: 45 }), /for 45 s/);
  assert.match(noteText({ note: 'muted_costs' }), /costs as much/);
});

test('a budget that is nearly spent is told with what is left', () => {
  const note = { note: 'budget_near', left_nano: 180_000_000, limit_nano: 1_000_000_000 };
  assert.equal(noteText(note), '82 % of your budget of $1.00 is spent: $0.18 left.');
});

test('a voice that is paid by the second shows seconds in place of tokens', () => {
  const none = { input_text: 0, input_audio: 0, cached_text: 0, cached_audio: 0, output_text: 0, output_audio: 0 };
  assert.equal(tokens({ ...none, session_ms: 12_400 }), '12 s of the voice');
  assert.match(tokens({ ...none, input_text: 5, session_ms: 0 }), /5 tokens in/);
});
