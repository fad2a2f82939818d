// What stands above the talk button. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';
import './page.mjs';

const { stateWords } = await import('../../ui/talk.js');

const problem = (code) => ({ code, detail: 'the provider said so' });
const snapshot = (link, talk = 'ready') => ({ call: { provider: 'openai', route: 'direct', talk, waiting: 0, link } });
const words = (link, talk) => stateWords(snapshot(link, talk)).join('|');

test('why it reconnects is told beside the count', () => {
  const again = { state: 'reconnecting', attempt: 2, of: 6 };
  assert.equal(words({ ...again, problem: problem('provider_trouble') }), '|Reconnecting (2 of 6)…| OpenAI has a problem.');
  assert.equal(words({ ...again, problem: problem('offline') }, 'listening'), 'Listening|Reconnecting (2 of 6)…| The network or the server cannot be reached.');
});

test('a connection that is there, or opened for the first time, needs no reason', () => {
  assert.equal(words({ state: 'live' }), 'Ready||');
  assert.equal(words({ state: 'connecting' }), '|Connecting…|');
  assert.equal(words({ state: 'connecting' }, 'thinking'), 'Thinking|Connecting…|');
});
