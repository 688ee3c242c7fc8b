import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { load } from './load.mjs';

const { sha256 } = await load('src/proof/sha256.ts');
const { findNonce } = await load('src/proof/work.ts');
const reference = (text) => createHash('sha256').update(text).digest('hex');
const hex = (words) => [...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');

test('hashes are those of SHA-256, whatever the length', () => {
  for (let length = 0; length < 200; length += 1) {
    const text = 'challenge.'.repeat(20).slice(0, length);
    assert.equal(hex(sha256(text)), reference(text), `${length}`);
  }
});

test('the nonce that is found proves work', () => {
  for (const difficulty of [0, 1, 8, 12]) {
    const nonce = findNonce('a.challenge', difficulty);
    const bits = BigInt(`0x${reference(`a.challenge.${nonce}`)}`)
      .toString(2)
      .padStart(256, '0');
    assert.ok(bits.startsWith('0'.repeat(difficulty)), `${difficulty}: ${nonce}`);
  }
});
