// Pictures: the wish in the composer, why there is none, what is read out.
import assert from 'node:assert/strict';
import test from 'node:test';
import { announcer } from './page.mjs';
const { beginsWish, pictureNarrator, troubleOf, wishOf } = await import('../../ui/pictures.js');

test('a wish begins with /image and a space', () => {
  assert.equal(wishOf('/image a red fox '), 'a red fox');
  assert.equal(wishOf(' /image\ta fox\nin the snow'), 'a fox\nin the snow');
  assert.equal(wishOf('/image'), '');
  for (const text of ['', 'a fox', '/images', '/imagine a fox', 'see /image a fox']) assert.equal(wishOf(text), null, text);
});

test('every beginning of it can be completed', () => {
  for (const text of ['/', '/i', '/image']) assert.ok(beginsWish(text), text);
  for (const text of ['', 'i', '/x', '/image ', '/image a']) assert.ok(!beginsWish(text), text);
});

const picture = (more) => ({ id: 1, state: 'done', text: 'a red fox', at: 1_000_000, failure: null, attachments: [], ...more });

test('every failure says what to do, and a picture that is there has none', () => {
  const kinds = ['credential', 'quota', 'rate_limited', 'model', 'too_long', 'invalid', 'refused', 'unavailable', 'timed_out', 'unreachable', 'broken', 'gateway', 'budget', 'cancelled'];
  for (const kind of kinds) {
    const words = troubleOf(picture({ state: 'failed', failure: { kind, message: 'its words', code: null, status: 400 } }));
    assert.ok(words.what && words.todo && words.button, kind);
    assert.equal(words.detail, kind === 'cancelled' ? '' : 'its words · HTTP 400');
  }
  assert.equal(troubleOf(picture({})), null);
  assert.equal(troubleOf(picture({ state: 'streaming' })), null);
  assert.ok(troubleOf(picture({ state: 'stopped' })).isStopped, 'the program was closed meanwhile');
});

test('a picture is said once, when it is there', () => {
  announcer.replaceChildren();
  const narrate = pictureNarrator(() => 1_030_000);
  narrate(picture({ state: 'streaming' }));
  narrate(picture({}));
  narrate(picture({}));
  narrate(picture({ id: 2 }));
  narrate(picture({ id: 3, at: 1_029_000, state: 'failed' }));
  assert.deepEqual(announcer.childNodes.map((line) => line.textContent), ['Picture: a red fox', 'No picture: a red fox'], 'an old one was only opened');
});
