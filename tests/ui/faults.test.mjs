// What the settings say about addresses and ids as they are typed. Run: node --test tests/ui/
import assert from 'node:assert/strict';
import test from 'node:test';
import { accountFault, addressFault, priceFault, providerAddressFault, webAddressFault } from '../../ui/faults.js';

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

test('an address of a provider of text is one of the web, without anything behind it', () => {
  for (const address of ['', 'https://proxy.test/v1', 'http://localhost:8080/v1', 'https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1']) assert.equal(providerAddressFault(address), '', address);
  const table = [['groq.com', /starts with/], ['http://groq.com', /plain connection/], ['wss://groq.com', /WebSocket/], ['https://me:pw@groq.com', /no name and no password/], ['https://groq.com?key=1', /Leave out/], ['https://groq.com/#a', /Leave out/]];
  for (const [address, words] of table) assert.match(providerAddressFault(address), words);
});

test('who writes is told of https only: text takes no WebSocket', () => {
  for (const address of ['http://example.com/v1', 'ftp://example.com', 'example.com']) {
    for (const fault of [webAddressFault, providerAddressFault]) {
      assert.match(fault(address), /https:\/\//, address);
      assert.doesNotMatch(fault(address), /wss?:/, address);
    }
    assert.match(addressFault(address), /https:\/\/(,| or) wss:\/\//, address);
  }
  assert.match(webAddressFault(' wss://example.com/v1'), /WebSocket/);
});

test('what is wrong with a price is said where it is wrong', () => {
  const price = { provider: 'groq', model: 'm', input: '0.25', cached: '', output: '3' };
  const taken = [{ provider: 'groq', model: 'other' }, { provider: 'openai', model: 'm' }];
  for (const more of [{}, { input: '0', cached: '.1', output: '3.' }, { model: ' m ' }, { input: '' }, { output: ' ' }]) assert.equal(priceFault({ ...price, ...more }, taken), null);
  const table = [
    [{ provider: '' }, 'provider', /Choose whose/], [{ model: ' ' }, 'model', /as the provider spells it/], [{ model: ' other' }, 'model', /in the table already/],
    [{ input: '', output: '' }, 'input', /number of dollars/], [{ input: '0,25' }, 'input', /with a point/], [{ cached: '-1' }, 'cached', /number of dollars/],
    [{ output: 'free' }, 'output', /number of dollars/], [{ output: '1e9' }, 'output', /number of dollars/], [{ output: '99999' }, 'output', /more than any model/],
  ];
  for (const [more, field, words] of table) {
    const fault = priceFault({ ...price, ...more }, taken);
    assert.equal(fault?.field, field, JSON.stringify(more));
    assert.match(fault.words, words);
  }
});
