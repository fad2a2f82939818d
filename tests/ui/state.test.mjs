// What the window knows after each event. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';
import { branch, entries, firstWords, isWritten, reduce, reduceAll, title } from '../../ui/state.js';

const item = (id, more = {}) => ({ id, role: 'user', kind: 'spoken', text: `words ${id}`, is_final: true, ...more });
const start = (more = {}) => ({ seq: 7, call: { talk: 'ready' }, items: [], problem: null, settings: {}, credentials: [], devices: {}, sound_check: null, recording: {}, chat: { conversation: null, branch: [] }, messages: [], history: [], models: [], providers: [], local_api: {}, voice_servers: null, about: {}, ...more });
const ids = (snapshot) => snapshot.items.map(({ id }) => id);
const place = (seq, id, after, more) => ({ seq, type: 'item', data: { item: item(id, more), after } });

test('an item without a predecessor comes first', () => {
  assert.deepEqual(ids(reduce(start({ items: [item(1)] }), place(8, 2, null))), [2, 1]);
});

test('an item stands behind its predecessor, whatever came in between', () => {
  const snapshot = start({ items: [item(1), item(3)] });
  assert.deepEqual(ids(reduce(snapshot, place(8, 2, 1))), [1, 2, 3]);
});

test('a known item changes in place and the others keep their identity', () => {
  const snapshot = start({ items: [item(1), item(2)] });
  const next = reduce(snapshot, place(8, 2, 1, { text: 'more words' }));
  assert.deepEqual(ids(next), [1, 2]);
  assert.equal(next.items[1].text, 'more words');
  assert.equal(next.items[0], snapshot.items[0]);
});

test('a known item moves when its predecessor changes', () => {
  const snapshot = start({ items: [item(1), item(2), item(3)] });
  assert.deepEqual(ids(reduce(snapshot, place(8, 1, 3))), [2, 3, 1]);
});

test('an item behind an unknown one goes to the end', () => {
  assert.deepEqual(ids(reduce(start({ items: [item(1)] }), place(8, 5, 99))), [1, 5]);
});

test('removed and cleared items are gone', () => {
  const snapshot = start({ items: [item(1), item(2)] });
  assert.deepEqual(ids(reduce(snapshot, { seq: 8, type: 'removed', data: 1 })), [2]);
  assert.deepEqual(ids(reduce(snapshot, { seq: 8, type: 'cleared' })), []);
});

for (const part of ['call', 'problem', 'settings', 'credentials', 'devices', 'sound_check', 'recording', 'history', 'models', 'providers', 'local_api']) {
  test(`a ${part} event replaces that part only`, () => {
    const snapshot = start();
    const data = { fresh: part };
    const next = reduce(snapshot, { seq: 8, type: part, data });
    assert.equal(next[part], data);
    assert.deepEqual({ ...next, [part]: snapshot[part], seq: 7 }, snapshot);
  });
}

test('a note changes nothing but the number of the last event', () => {
  const snapshot = start();
  assert.deepEqual(reduce(snapshot, { seq: 8, type: 'note', data: { note: 'renewed' } }), { ...snapshot, seq: 8 });
});

test('reducing leaves the old snapshot as it was', () => {
  const snapshot = start({ items: [item(1)] });
  const before = structuredClone(snapshot);
  reduce(snapshot, place(8, 2, 1));
  reduce(snapshot, { seq: 8, type: 'removed', data: 1 });
  assert.deepEqual(snapshot, before);
});

const batch = (from, to, events, more) => ({ events, from, to, is_stale: false, ...more });

test('events that the snapshot contains already are passed over', () => {
  const events = [place(6, 1, null), place(7, 2, null), place(8, 3, null)];
  const { snapshot, applied, hasGap } = reduceAll(start(), batch(6, 8, events));
  assert.deepEqual(ids(snapshot), [3]);
  assert.equal(applied.length, 1);
  assert.equal(hasGap, false);
});

test('numbers that are missing within a batch are no gap', () => {
  const { snapshot, hasGap } = reduceAll(start(), batch(8, 12, [place(9, 1, null), place(12, 2, 1)]));
  assert.deepEqual(ids(snapshot), [1, 2]);
  assert.equal(snapshot.seq, 12);
  assert.equal(hasGap, false);
});

test('a batch that begins too late, or that lost events, is a gap and is not applied', () => {
  for (const late of [batch(9, 9, [place(9, 1, null)]), batch(8, 8, [place(8, 1, null)], { is_stale: true })]) {
    const { snapshot, applied, hasGap } = reduceAll(start(), late);
    assert.equal(snapshot.seq, 7);
    assert.equal(applied.length, 0);
    assert.equal(hasGap, true);
  }
});

test('the title is the first whole thing the user said', () => {
  assert.equal(title([]), 'New conversation');
  const items = [item(1, { role: 'assistant' }), item(2, { is_final: false }), item(3, { text: '  one\n two ' })];
  assert.equal(title(items), 'one two');
});

const message = (id, more = {}) => ({ id, role: 'user', text: `written ${id}`, is_voice: false, item: null, at: id * 100, ...more });
const written = (...ids) => ids.map((id) => message(id));
const chat = (conversation, ...ids) => ({ conversation, branch: ids });

test('a written message is added, and changes in place', () => {
  const one = reduce(start(), { seq: 8, type: 'chat_message', data: message(1) });
  const two = reduce(one, { seq: 9, type: 'chat_message', data: message(2) });
  const changed = reduce(two, { seq: 10, type: 'chat_message', data: message(1, { text: 'more' }) });
  assert.deepEqual(changed.messages.map(({ text }) => text), ['more', 'written 2']);
  assert.equal(changed.messages[1], two.messages[1]);
});

test('the branch shows the messages that are known, in its order, whichever came first', () => {
  const snapshot = start({ chat: chat(1, 3, 1, 9), messages: written(1, 2, 3) });
  assert.deepEqual(branch(snapshot).map(({ id }) => id), [3, 1]);
});

test('another version of a message brings the other branch, and the first one can come back', () => {
  const snapshot = start({ chat: chat(1, 1, 2), messages: written(1, 2) });
  const other = reduce(reduce(snapshot, { seq: 8, type: 'chat', data: chat(1, 1, 3) }), { seq: 9, type: 'chat_message', data: message(3) });
  assert.deepEqual(branch(other).map(({ id }) => id), [1, 3]);
  assert.deepEqual(branch(reduce(other, { seq: 10, type: 'chat', data: chat(1, 1, 2) })).map(({ id }) => id), [1, 2]);
});

test('another conversation forgets the messages of the one before, but not what came for it already', () => {
  const snapshot = start({ chat: chat(1, 1, 2), messages: written(1, 2, 7) });
  assert.deepEqual(reduce(snapshot, { seq: 8, type: 'chat', data: chat(2, 7) }).messages.map(({ id }) => id), [7]);
});

test('the first message gives a conversation its id and loses nothing', () => {
  const snapshot = start({ chat: chat(null), messages: written(1) });
  assert.deepEqual(branch(reduce(snapshot, { seq: 8, type: 'chat', data: chat(5, 1) })).map(({ id }) => id), [1]);
});

test('what was said and what was written interlock by time, each in its own order', () => {
  const items = [item(1, { at: 150 }), item(2, { at: 120 }), item(3, { at: 350 })];
  assert.deepEqual(entries(items, written(1, 2, 3, 4)).map(({ key }) => key), ['m1', 'i1', 'i2', 'm2', 'm3', 'i3', 'm4']);
  assert.deepEqual(entries([], []), []);
});

test('a spoken turn that is in the history too is shown once', () => {
  const items = [item(1, { at: 100 })];
  const messages = [message(1, { is_voice: true, item: 1, at: 130 }), message(2, { is_voice: true, item: 7, at: 140 }), message(3)];
  assert.deepEqual(entries(items, messages).map(({ key }) => key), ['i1', 'm2', 'm3']);
});

test('what is typed is written to a model outside of a call, but not to the practice partner in the place of a real voice', () => {
  const where = (state, provider, voice = 'practice') => isWritten({ call: { link: { state }, provider: voice }, chat: { target: { provider } } });
  assert.deepEqual([where('idle', 'openai'), where('live', 'openai'), where('reconnecting', 'openai'), where('idle', '')], [true, false, false, false]);
  assert.deepEqual([where('idle', 'practice'), where('idle', 'practice', 'openai'), where('idle', 'openai', 'openai')], [true, false, true]);
});

test('without a title a conversation is called by the first words written', () => {
  assert.equal(firstWords([message(1, { role: 'assistant' }), message(2, { text: ' a\n b ' })]), 'a b');
  assert.equal(firstWords([]), '');
});

test('voice servers that were found are kept until they are looked for again', () => {
  const found = [{ name: 'LocalAI' }];
  assert.equal(reduce(start(), { seq: 8, type: 'voice_servers', data: found }).voice_servers, found);
});
