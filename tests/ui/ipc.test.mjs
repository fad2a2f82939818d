// How commands reach the shell. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';

/** Calls that the shell has not answered yet. */
const calls = [];
class Channel {}
globalThis.window = {
  __TAURI__: { core: { Channel, invoke: (name, args) => new Promise((resolve, reject) => { calls.push({ name, args, resolve, reject }); }) } },
};
const { send } = await import('../../ui/ipc.js');
/** Lets everything happen that is ready to. */
const settle = () => new Promise((resolve) => { setImmediate(resolve); });

test('letting go waits until pressing has arrived', async () => {
  const pressed = send({ do: 'press' });
  const released = send({ do: 'release' });
  await settle();
  assert.deepEqual(calls.map(({ args }) => args.command.do), ['press']);
  calls[0].resolve();
  await pressed;
  await settle();
  assert.deepEqual(calls.map(({ args }) => args.command.do), ['press', 'release']);
  calls[1].resolve();
  await released;
});

test('a command that fails is told to who gave it and holds up no other', async () => {
  calls.length = 0;
  const failing = send({ do: 'call' });
  const next = send({ do: 'hang_up' });
  await settle();
  calls[0].reject(new Error('gone'));
  await assert.rejects(failing, /gone/);
  await settle();
  assert.equal(calls.length, 2);
  calls[1].resolve();
  await next;
});
