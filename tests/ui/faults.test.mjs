// What the settings say about addresses and ids as they are typed. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';
import { accountFault, addressFault } from '../../ui/faults.js';

for (const address of ['', 'https://api.openai.com/v1', 'wss://example.com', 'http://localhost:8765/v1', 'ws://127.0.0.1:1/v1', 'ws://[::1]:8765']) {
  test(`the address “${address}” is fine`, () => assert.equal(addressFault(address), ''));
}

for (const address of ['localhost:8765', 'example.com/v1', 'ftp://example.com', 'https://', 'nonsense', 'file:///etc']) {
  test(`the address “${address}” cannot be used`, () => assert.match(addressFault(address), /starts with/));
}

test('a plain connection to another computer is pointed out', () => {
  for (const address of ['http://example.com/v1', 'ws://192.0.2.1', 'http://localhost.example.com', 'http://127.0.0.1.example.com']) {
    assert.match(addressFault(address), /plain connection/, address);
  }
});

test('an account id is 32 hex digits, or not given yet', () => {
  assert.equal(accountFault(''), '');
  assert.equal(accountFault('0123456789abcdef0123456789ABCDEF'), '');
  for (const id of ['abc', '0123456789abcdef0123456789abcdeg', '0123456789abcdef0123456789abcdef0']) assert.notEqual(accountFault(id), '');
});
