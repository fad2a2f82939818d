// Where words stand in a text.
import assert from 'node:assert/strict';
import test from 'node:test';
import './page.mjs';

const { hits } = await import('../../ui/find.js');

test('whatever the case, and as often as it is there', () => {
  assert.deepEqual(hits('Ein Ton, ein Ton.', 'TON'), [[4, 7], [13, 16]]);
  assert.deepEqual(hits('Größe', 'GRÖSSE'), []);
  assert.deepEqual(hits('ÄÖÜ', 'äö'), [[0, 2]]);
});

test('blanks are all alike', () => {
  assert.deepEqual(hits('one\n  two', ' one two '), [[0, 9]]);
  assert.deepEqual(hits('anything', '  '), []);
});

test('marks are only marks', () => {
  assert.deepEqual(hits('a.b a+b (c) [d] \\ $ ^ - {x|y}', 'a.b'), [[0, 3]]);
  for (const mark of ['.', '+', '(', '[', '\\', '$', '^', '-', '{', '|', '*', '?', '/', '}', ']', ')']) {
    assert.doesNotThrow(() => hits('text', mark), mark);
  }
});
