// Holding to talk with a clock that the test moves. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';
import { Hold } from '../../ui/hold.js';

function setUp() {
  const said = [];
  const clock = {
    end: null,
    ms: 0,
    start(end, ms) { clock.end = end; clock.ms = ms; return end; },
    stop(timer) { if (clock.end === timer) clock.end = null; },
    at: 0,
    now: () => clock.at,
    pass() { const { end } = clock; clock.end = null; end?.(); },
  };
  const hold = new Hold({ press: () => said.push('press'), release: () => said.push('release'), letGo: () => said.push('let go') }, clock);
  return { hold, clock, said };
}

test('a pointer presses and releases at once', () => {
  const { hold, said } = setUp();
  hold.down('pointer');
  hold.up('pointer');
  assert.deepEqual(said, ['press', 'release']);
});

test('a key that goes up and down again within the grace time was never let go of', () => {
  const { hold, clock, said } = setUp();
  hold.down('space');
  clock.at = 600;
  for (let repeat = 0; repeat < 5; repeat += 1) {
    hold.up('space', { hasGrace: true });
    hold.down('space');
  }
  assert.deepEqual(said, ['press']);
  assert.equal(clock.end, null);
  hold.up('space', { hasGrace: true });
  assert.equal(clock.ms, 50);
  clock.pass();
  assert.deepEqual(said, ['press', 'release']);
});

test('two holds with the grace time between them are two', () => {
  const { hold, clock, said } = setUp();
  for (let times = 0; times < 2; times += 1) {
    hold.down('space');
    clock.at += 600;
    hold.up('space', { hasGrace: true });
    clock.pass();
  }
  assert.deepEqual(said, ['press', 'release', 'press', 'release']);
});

test('a second source neither presses nor releases while the first holds', () => {
  const { hold, said } = setUp();
  hold.down('pointer');
  hold.down('space');
  hold.up('space', { hasGrace: true });
  assert.deepEqual(said, ['press']);
  hold.up('pointer');
  assert.deepEqual(said, ['press', 'release']);
});

test('a second source within the grace time of the first starts a hold of its own', () => {
  const { hold, clock, said } = setUp();
  hold.down('space');
  clock.at = 600;
  hold.up('space', { hasGrace: true });
  hold.down('pointer');
  assert.deepEqual(said, ['press', 'release', 'press']);
});

test('losing the window lets go once, also within the grace time', () => {
  const { hold, clock, said } = setUp();
  hold.down('space');
  clock.at = 600;
  hold.up('space', { hasGrace: true });
  hold.lose();
  clock.pass();
  hold.lose();
  assert.deepEqual(said, ['press', 'let go']);
  assert.equal(hold.isHeld, false);
});

test('a tap is let go of at once, so that it stays shorter than a hold', () => {
  const { hold, clock, said } = setUp();
  hold.down('space');
  clock.at = 199;
  hold.up('space', { hasGrace: true });
  assert.deepEqual(said, ['press', 'release']);
  assert.equal(clock.end, null);
});

test('a short press that loses the window is let go of, not tapped', () => {
  const { hold, clock, said } = setUp();
  hold.down('space');
  clock.at = 50;
  hold.lose();
  hold.up('space', { hasGrace: true });
  assert.deepEqual(said, ['press', 'let go']);
});

test('an up without a down does nothing', () => {
  const { hold, said } = setUp();
  hold.up('space', { hasGrace: true });
  hold.up('pointer');
  hold.end();
  hold.lose();
  assert.deepEqual(said, []);
});
